{#- The instant from which an incremental model reads again: an hour before the newest landing it holds. `landed_at`
    is the lake's clock, which stands still within a sandbox day, so the last landing is read twice unless the model
    knows its batch; a row that the table has already is not written again. -#}
{% macro last_landing(relation) %}
    {%- set newest = run_query('select max(landed_at) from ' ~ relation).rows[0][0] -%}
    {%- if newest is none -%}{%- set newest = modules.datetime.datetime(1900, 1, 1) -%}{%- endif -%}
    {%- set since = newest - modules.datetime.timedelta(hours=1) -%}
    {{ return("cast('" ~ since.isoformat() ~ "' as " ~ engine_type('timestamp') ~ ")") }}
{% endmacro %}

{#- Types in yml are Spark's words, most of which DuckDB knows; a timestamp is an instant on both. -#}
{% macro engine_type(data_type) %}
    {{- return(adapter.dispatch('engine_type')(data_type)) -}}
{% endmacro %}

{% macro default__engine_type(data_type) %}
    {{- return(data_type) -}}
{% endmacro %}

{% macro duckdb__engine_type(data_type) %}
    {%- if data_type == 'timestamp' -%}
        {{ return('timestamp with time zone') }}
    {%- elif data_type.startswith('array<') -%}
        {{ return(engine_type(data_type[6:-1]) ~ '[]') }}
    {%- elif data_type.startswith('struct<') -%}
        {%- set fields = [] -%}
        {%- for field in data_type[7:-1].split(',') -%}
            {%- do fields.append(field.split(':')[0] ~ ' ' ~ engine_type(field.split(':')[1])) -%}
        {%- endfor -%}
        {{ return('struct(' ~ fields | join(', ') ~ ')') }}
    {%- endif -%}
    {{ return(data_type) }}
{% endmacro %}


{#- What a contract on a model is compared with. -#}
{% macro duckdb__get_empty_schema_sql(columns) %}
    {{- empty_relation(columns.values()) -}}
{% endmacro %}


{#- An instant out of ISO text with its offset. -#}
{% macro instant(text) %}{{ return("cast('" ~ text ~ "' as " ~ engine_type('timestamp') ~ ")") }}{% endmacro %}

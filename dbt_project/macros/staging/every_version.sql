{#- All rows a source ever sent of an entity, in the columns of its staging model, where the model itself shows the
    newest version of each key. Reads past the deduplication, so a filter on landed_at reaches the files of bronze. -#}
{% macro every_version(source_name, entity) %}
    select
        record_id,
        {% for column in source_columns(source_name, entity) -%}
        {{ column }},
        {% endfor -%}
        known_at,
        known_at as first_known_at,
        landed_at,
        batch_id
    from {{ source(source_name, entity) }}
    where {{ is_living(source_name, entity) }}
{%- endmacro %}


{#- A staging model's own text over every version instead of the newest; `reader` is the macro that takes the place of
    latest_versions. -#}
{% macro staged_versions(model_name, reader='every_version') %}
    {%- set staged = ref(model_name) -%}
    {%- if not execute -%}{{ return('select * from ' ~ staged) }}{%- endif -%}
    {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model_name] -%}
    {%- if 'latest_versions(' not in node.raw_code -%}
        {% do exceptions.raise_compiler_error(model_name ~ ' does not read latest_versions(): its history cannot be read') %}
    {%- endif -%}
    {{- render(node.raw_code | replace('latest_versions(', reader ~ '(')) -}}
{% endmacro %}

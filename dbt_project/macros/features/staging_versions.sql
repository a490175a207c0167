{#- A staging model over every version of its rows, where the model itself shows the newest one only: the same text
    (who a row is about, what is cleaned), reading `all_versions` in the place of `latest_versions`. -#}
{% macro staging_versions(model_name) %}
    {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model_name] -%}
    {%- if 'latest_versions(' not in node.raw_code -%}
        {% do exceptions.raise_compiler_error(model_name ~ ' does not read latest_versions(): its history cannot be read') %}
    {%- endif -%}
    {{- render(node.raw_code | replace('latest_versions(', 'all_versions(')) -}}
{% endmacro %}


{#- Every version of a bronze table's rows and when the next one replaced it, in the order of `latest_versions`. -#}
{% macro all_versions(source_name, entity) %}
    {%- set watermark = source_node(source_name, entity).config.meta.watermark -%}
    select
        record_id,
        {% for column in source_columns(source_name, entity) -%}
        {{ column }},
        {% endfor -%}
        known_at,
        landed_at,
        min(known_at) over (partition by record_id) as first_known_at,
        coalesce(
            lead(known_at) over (
                partition by record_id
                order by known_at, {{ watermark ~ ', ' if watermark }}content_hash, batch_id
            ),
            {{ feature_instant('9999-12-31T00:00:00+00:00') }}
        ) as replaced_at
    from {{ source(source_name, entity) }}
{%- endmacro %}

{#- Every version of a bronze table's rows and when the next one replaced it (`version_order`). A delete
    replaces the version before it, and is itself nothing to believe. -#}
{% macro believed_versions(source_name, entity) %}
    select
        record_id,
        {% for column in source_columns(source_name, entity) -%}
        {{ column }},
        {% endfor -%}
        known_at,
        landed_at,
        batch_id,
        first_known_at,
        replaced_at
    from (
        select
            *,
            min(known_at) over (partition by record_id) as first_known_at,
            coalesce(
                lead(known_at) over (
                    partition by record_id
                    order by {{ version_order(source_name, entity) }}
                ),
                {{ instant('9999-12-31T00:00:00+00:00') }}
            ) as replaced_at
        from {{ source(source_name, entity) }}
    ) as versions
    where {{ is_living(source_name, entity) }}
{%- endmacro %}

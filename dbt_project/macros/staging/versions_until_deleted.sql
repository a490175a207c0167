{#- Every version of a bronze table's rows that says something, numbered per record in the order of `version_order`,
    with the moment since when the record is known to be deleted (null while it is not). What comes back after a delete
    is a new version; the versions before the delete stay deleted. -#}
{% macro versions_until_deleted(source_name, entity) %}
    select
        record_id,
        {% for column in source_columns(source_name, entity) -%}
        {{ column }},
        {% endfor -%}
        known_at,
        landed_at,
        batch_id,
        version_number,
        deleted_at
    from (
        select
            *,
            row_number() over (
                partition by record_id
                order by {{ version_order(source_name, entity) }}
            ) as version_number,
            min(case when not ({{ is_living(source_name, entity) }}) then known_at end) over (
                partition by record_id
                order by {{ version_order(source_name, entity) }}
                rows between current row and unbounded following
            ) as deleted_at
        from {{ source(source_name, entity) }}
    ) as versions
    where {{ is_living(source_name, entity) }}
{%- endmacro %}

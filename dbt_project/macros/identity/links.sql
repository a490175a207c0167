{#- Who every record is now: one row per record. -#}
{% macro current_links() %}
    select record_id, person_id
    from {{ source('identity', 'person_links') }}
    where valid_to is null
{%- endmacro %}

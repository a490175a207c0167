{#- Who every person record is now: one row per person record. -#}
{% macro current_links() %}
    select person_record_id, person_id
    from {{ source('identity', 'person_links') }}
    where valid_to is null
{%- endmacro %}

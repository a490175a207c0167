{#- Who every person record is now: one row per person record. -#}
{% macro current_links() %}
    select person_record_id, person_id
    from {{ source('identity', 'person_links') }}
    where valid_to is null
{%- endmacro %}


{#- The person records as they stand, each with the person it is now. Who needs the values in comparable form reads
    int_person_records__linked, which costs a dozen regular expressions per record. -#}
{% macro records_of_persons(columns) %}
    select
        links.person_id,
        {% for column in columns -%}
        {% if column == 'country' %}{{ cleaned('records.country') }} as country{% else %}records.{{ column }}{% endif %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from ({{ current_links() }}) as links
    inner join {{ ref('person_records') }} as records on links.person_record_id = records.person_record_id
{%- endmacro %}

{#- The golden value of a person: of the records that have it, the one from the most trusted source, then the newest;
    a tie goes to the smaller record_id, so that it never depends on order. With its source and time. -#}
{% macro golden(relation, thing, columns, has=none) %}
    select
        person_id,
        {{ columns | join(', ') }},
        source as {{ thing }}_source,
        updated_at as {{ thing }}_updated_at
    from (
        select
            *,
            row_number() over (
                partition by person_id
                order by {{ trust('source') }}, updated_at desc, record_id
            ) as place
        from {{ relation }}
        where {{ has or columns[0] }} is not null
    ) as ranked
    where place = 1
{%- endmacro %}


{% macro trust(source_column) %}
    case {{ source_column }}
        {%- for source_name in var('trusted_sources') %} when '{{ source_name }}' then {{ loop.index0 }}{% endfor %}
        else {{ var('trusted_sources') | length }}
    end
{%- endmacro %}


{#- Typed text without the blanks around it; empty is null. -#}
{% macro cleaned(column) %}nullif(trim({{ column }}), ''){% endmacro %}

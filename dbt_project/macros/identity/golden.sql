{#- The golden value of an attribute per person, by the survivorship table (dbt_project.yml), with its source and time,
    how many sources say so, and the runner-up: what the next best value says otherwise, and the criterion it lost by.

    `relation` has a row per record: person_id, person_record_id, source, updated_at, the attribute's columns,
    `<attribute>_key` (the value in comparable form; null is no value) and `<attribute>_is_valid`. `runner_up` is how
    the value reads as one text; without it, no runner-up is given. -#}
{% macro golden(relation, attribute, runner_up=none) %}
    {%- set rule = var('survivorship')[attribute] -%}
    {%- set order = survivorship_order(rule.criteria) -%}
    select
        person_id,
        {{ rule.columns | join(', ') }},
        source as {{ attribute }}_source,
        updated_at as {{ attribute }}_updated_at
        {%- if runner_up %},
        is_valid as {{ attribute }}_is_valid,
        sources_count as {{ attribute }}_sources_count,
        {{ decided_by(rule.criteria) }} as {{ attribute }}_decided_by,
        next_value as {{ attribute }}_runner_up,
        next_source as {{ attribute }}_runner_up_source,
        next_updated_at as {{ attribute }}_runner_up_updated_at
        {%- endif %}
    from (
        select
            spoken.*,
            stated.trust_rank,
            stated.newest_at,
            stated.sources_count,
            stated.records_count,
            {%- if runner_up %}
            lead({{ runner_up }}) over ranked as next_value,
            lead(source) over ranked as next_source,
            lead(updated_at) over ranked as next_updated_at,
            lead(is_valid) over ranked as next_is_valid,
            lead(trust_rank) over ranked as next_trust_rank,
            lead(sources_count) over ranked as next_sources_count,
            lead(records_count) over ranked as next_records_count,
            lead(newest_at) over ranked as next_newest_at,
            {%- endif %}
            row_number() over ranked as place
        from (
            -- One record speaks for a value: the fullest, of the most trusted source, the newest.
            select
                *,
                row_number() over (
                    partition by person_id, value_key
                    order by
                        is_valid desc, {{ filled(rule.columns) }} desc, own_trust_rank, updated_at desc,
                        person_record_id
                ) as place_in_value
            from ({{ golden_statements(relation, attribute, rule) }}) as statements
        ) as spoken
        inner join (
            select
                person_id,
                value_key,
                min(own_trust_rank) as trust_rank,
                max(updated_at) as newest_at,
                cast(count(distinct source) as bigint) as sources_count,
                cast(count(*) as bigint) as records_count
            from ({{ golden_statements(relation, attribute, rule) }}) as statements
            group by person_id, value_key
        ) as stated
            on spoken.person_id = stated.person_id and spoken.value_key = stated.value_key
        where spoken.place_in_value = 1
        window ranked as (partition by spoken.person_id order by {{ order | join(', ') }}, person_record_id)
    ) as placed
    where place = 1
{%- endmacro %}


{#- Every record that states the attribute. -#}
{% macro golden_statements(relation, attribute, rule) %}
    select
        person_id,
        person_record_id,
        source,
        updated_at,
        {{ rule.columns | join(', ') }},
        {{ attribute }}_key as value_key,
        {{ attribute }}_is_valid as is_valid,
        {{ trust_rank(rule.trust or []) }} as own_trust_rank
    from {{ relation }}
    where {{ attribute }}_key is not null
{%- endmacro %}


{#- What a criterion compares, best first: {column: direction}. -#}
{% macro survivorship_criteria() %}
    {{ return({
        'validity': {'is_valid': 'desc'},
        'trust': {'trust_rank': 'asc'},
        'frequency': {'sources_count': 'desc', 'records_count': 'desc'},
        'recency': {'newest_at': 'desc'},
    }) }}
{% endmacro %}


{% macro survivorship_order(criteria) %}
    {%- set known = survivorship_criteria() -%}
    {%- set order = [] -%}
    {%- for criterion in criteria -%}
        {%- if criterion not in known -%}
            {% do exceptions.raise_compiler_error(
                criterion ~ ' is no criterion of the survivorship table; the criteria are ' ~ known | join(', ')
            ) %}
        {%- endif -%}
        {%- for column, direction in known[criterion].items() -%}
            {%- do order.append(column ~ ' ' ~ direction) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(order) }}
{% endmacro %}


{#- The first criterion in which the golden value beats the runner-up; null where there is none. -#}
{% macro decided_by(criteria) %}
    {%- set known = survivorship_criteria() -%}
        case
            when next_source is null then null
            {%- for criterion in criteria %}
            when {% for column in known[criterion] %}{{ column }} <> next_{{ column }}{{ ' or ' if not loop.last }}{% endfor %} then '{{ criterion }}'
            {%- endfor %}
            else 'record_id'
        end
{%- endmacro %}


{% macro trust_rank(sources) %}
    {%- if sources -%}
    case source
        {%- for source_name in sources %} when '{{ source_name }}' then {{ loop.index0 }}{% endfor %} else {{ sources | length }}
    end
    {%- else -%} 0 {%- endif -%}
{% endmacro %}


{#- How many of the columns have a value. -#}
{% macro filled(columns) %}
    {%- for column in columns -%}
    case when {{ column }} is null then 0 else 1 end{{ ' + ' if not loop.last }}
    {%- endfor -%}
{% endmacro %}


{#- Typed text without the blanks around it; empty is null. -#}
{% macro cleaned(column) %}nullif(trim({{ column }}), ''){% endmacro %}


{#- The columns that golden() reads of an attribute, besides the record's own. -#}
{% macro golden_inputs(attribute) %}
    {{ return(var('survivorship')[attribute].columns + [attribute ~ '_key', attribute ~ '_is_valid']) }}
{% endmacro %}


{#- The columns that golden() gives of an attribute, after the person. -#}
{% macro golden_columns(attribute) %}
    {%- set columns = var('survivorship')[attribute].columns | list -%}
    {%- for ending in ['source', 'updated_at', 'is_valid', 'sources_count', 'decided_by', 'runner_up', 'runner_up_source', 'runner_up_updated_at'] -%}
        {%- do columns.append(attribute ~ '_' ~ ending) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

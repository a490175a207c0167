{#- Lists and structs, which the engines write differently. -#}

{#- A list of struct(kind, value) out of {kind: expression}, without the null values, in the order given. -#}
{% macro identifiers(kinds) %}{{ adapter.dispatch('identifiers')(kinds) }}{% endmacro %}

{% macro default__identifiers(kinds) %}
    filter(array(
        {%- for kind, value in kinds.items() -%}
        named_struct('kind', '{{ kind }}', 'value', cast({{ value }} as string)){{ ', ' if not loop.last }}
        {%- endfor -%}
    ), pair -> pair.value is not null)
{%- endmacro %}

{% macro duckdb__identifiers(kinds) %}
    [pair for pair in [
        {%- for kind, value in kinds.items() -%}
        {'kind': '{{ kind }}', 'value': cast({{ value }} as varchar)}{{ ', ' if not loop.last }}
        {%- endfor -%}
    ] if pair.value is not null]
{%- endmacro %}


{#- The rows of a relation, once for each element of a list column: `kind` and `value` besides the columns named. -#}
{% macro unnested_identifiers(relation, columns) %}
    {{- adapter.dispatch('unnested_identifiers')(relation, columns) -}}
{% endmacro %}

{% macro default__unnested_identifiers(relation, columns) %}
    select {{ columns | join(', ') }}, pair.kind, pair.value
    from {{ relation }}
    lateral view explode(identifiers) as pair
{%- endmacro %}

{% macro duckdb__unnested_identifiers(relation, columns) %}
    select {{ columns | join(', ') }}, pair.kind, pair.value
    from (select {{ columns | join(', ') }}, unnest(identifiers) as pair from {{ relation }}) as unnested
{%- endmacro %}


{#- Aggregate: the distinct values that are not null, sorted. -#}
{% macro sorted_values(expression) %}{{ adapter.dispatch('sorted_values')(expression) }}{% endmacro %}

{% macro default__sorted_values(expression) %}sort_array(collect_set({{ expression }})){% endmacro %}

{% macro duckdb__sorted_values(expression) -%}
    coalesce(list_sort(list(distinct {{ expression }}) filter ({{ expression }} is not null)), cast([] as varchar[]))
{%- endmacro %}


{#- Aggregate: one struct per row out of {field: expression}, sorted by its first field. -#}
{% macro sorted_structs(fields) %}{{ adapter.dispatch('sorted_structs')(fields) }}{% endmacro %}

{% macro default__sorted_structs(fields) %}
    sort_array(collect_list(named_struct(
        {%- for field, expression in fields.items() %}'{{ field }}', {{ expression }}{{ ', ' if not loop.last }}{% endfor -%}
    )))
{%- endmacro %}

{% macro duckdb__sorted_structs(fields) %}
    list_sort(list({
        {%- for field, expression in fields.items() %}'{{ field }}': {{ expression }}{{ ', ' if not loop.last }}{% endfor -%}
    }))
{%- endmacro %}


{#- A list of the names whose condition holds, out of {name: condition}. -#}
{% macro names_that_hold(conditions) %}{{ adapter.dispatch('names_that_hold')(conditions) }}{% endmacro %}

{% macro default__names_that_hold(conditions) %}
    filter(array(
        {%- for name, condition in conditions.items() -%}
        case when {{ condition }} then '{{ name }}' end{{ ', ' if not loop.last }}
        {%- endfor -%}
    ), name -> name is not null)
{%- endmacro %}

{% macro duckdb__names_that_hold(conditions) %}
    [name for name in [
        {%- for name, condition in conditions.items() -%}
        case when {{ condition }} then '{{ name }}' end{{ ', ' if not loop.last }}
        {%- endfor -%}
    ] if name is not null]
{%- endmacro %}


{% macro empty_list(element_type) %}{{ adapter.dispatch('empty_list')(element_type) }}{% endmacro %}

{% macro default__empty_list(element_type) %}cast(array() as array<{{ element_type }}>){% endmacro %}

{% macro duckdb__empty_list(element_type) %}cast([] as {{ engine_type(element_type) }}[]){% endmacro %}

{#- What DuckDB and Spark say differently (design.md, section 9). Everything else in the models is common SQL. -#}

{#- The keyed token of a personal value. Both engines' connections provide the function; the key is never in SQL text. -#}
{% macro lake_token(expression) %}lake_token({{ expression }}){% endmacro %}


{#- The lake's present moment (lake/clock.py): an SQL function on DuckDB, so that a new day does not re-parse the
    project, as a changed variable would. -#}
{% macro lake_now() %}{{ adapter.dispatch('lake_now')() }}{% endmacro %}

{% macro default__lake_now() %}cast('{{ var("as_of") }}' as timestamp){% endmacro %}

{% macro duckdb__lake_now() %}
    {%- set given = var('as_of', none) -%}
    {%- if given -%} cast('{{ given }}' as timestamp with time zone) {%- else -%} lake_now() {%- endif -%}
{% endmacro %}


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


{#- Whole years from a date to an instant. -#}
{% macro years_between(earlier, later) %}{{ adapter.dispatch('years_between')(earlier, later) }}{% endmacro %}

{% macro default__years_between(earlier, later) %}
    cast(floor(months_between({{ later }}, {{ earlier }}) / 12) as bigint)
{%- endmacro %}

{% macro duckdb__years_between(earlier, later) %}
    cast(datesub('year', {{ earlier }}, cast({{ later }} as date)) as bigint)
{%- endmacro %}


{#- Null where the text is not what the type wants. -#}
{% macro try_cast(expression, data_type) %}try_cast({{ expression }} as {{ engine_type(data_type) }}){% endmacro %}

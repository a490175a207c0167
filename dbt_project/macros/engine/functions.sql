{#- What DuckDB and Spark say differently. Everything else in the models is common SQL. -#}

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


{#- Null where the text is not what the type wants. -#}
{% macro try_cast(expression, data_type) %}try_cast({{ expression }} as {{ engine_type(data_type) }}){% endmacro %}


{#- Whether a text matches a regular expression (write `[.]` for a dot: a backslash is not the same text in both). -#}
{% macro matches(expression, pattern) %}{{ adapter.dispatch('matches')(expression, pattern) }}{% endmacro %}

{% macro default__matches(expression, pattern) %}({{ expression }} rlike '{{ pattern }}'){% endmacro %}

{% macro duckdb__matches(expression, pattern) %}regexp_matches({{ expression }}, '{{ pattern }}'){% endmacro %}


{#- The text without the characters of a class, as `[^0-9]`. -#}
{% macro without(expression, class) %}{{ adapter.dispatch('without')(expression, class) }}{% endmacro %}

{% macro default__without(expression, class) %}regexp_replace({{ expression }}, '{{ class }}', ''){% endmacro %}

{% macro duckdb__without(expression, class) %}regexp_replace({{ expression }}, '{{ class }}', '', 'g'){% endmacro %}

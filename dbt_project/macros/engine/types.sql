{#- Types in yml are Spark's words, which DuckDB also knows, but for two: a timestamp is an instant, and arrays. -#}
{% macro engine_type(data_type) %}
    {{- adapter.dispatch('engine_type')(data_type) -}}
{% endmacro %}

{% macro default__engine_type(data_type) %}
    {{- data_type -}}
{% endmacro %}

{% macro duckdb__engine_type(data_type) %}
    {%- if data_type == 'timestamp' -%} timestamp with time zone
    {%- elif data_type == 'array<struct<kind:string,value:string>>' -%} struct(kind varchar, value varchar)[]
    {%- elif data_type == 'array<string>' -%} varchar[]
    {%- else -%} {{ data_type }}
    {%- endif -%}
{% endmacro %}


{#- What a contract on a model is compared with. -#}
{% macro duckdb__get_empty_schema_sql(columns) %}
    {{- empty_relation(columns.values()) -}}
{% endmacro %}

{#- All sources: dbt_project/runner.py finds their contracts and passes their names with every call. -#}
{% macro discovered_sources() %}
    {{ return(var('sources')) }}
{% endmacro %}


{#- All sources' models of one kind (`identified`, `attributed`), one below the other; a source may lack one. -#}
{% macro union_of_sources(kind) %}
    {%- set names = [] -%}
    {%- for source_name in discovered_sources() if 'int_' ~ source_name ~ '__' ~ kind in var('models') -%}
        {%- do names.append('int_' ~ source_name ~ '__' ~ kind) -%}
    {%- endfor -%}
    {%- for name in names %}
    select * from {{ ref(name) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- The sources there are, found by their contracts and handed over with every call (dbt_project/runner.py). -#}
{% macro discovered_sources() %}
    {{ return(var('sources')) }}
{% endmacro %}


{#- All sources' models of one kind (`identified`, `attributed`), one below the other. -#}
{% macro union_of_sources(kind) %}
    {%- for source_name in discovered_sources() %}
    select * from {{ ref('int_' ~ source_name ~ '__' ~ kind) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

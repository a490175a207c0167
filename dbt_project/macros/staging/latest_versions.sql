{#- The newest version of every key of a bronze table, with the contract's columns, in the contract's order.

    Which version is the newest is decided by `version_order`. `first_known_at` is when the key was first known: what
    never changes on a row was known from then on. A key whose newest version is a delete is not shown. -#}
{% macro latest_versions(source_name, entity) %}
    {%- set relation = source(source_name, entity) -%}
    {%- set columns = source_columns(source_name, entity) -%}
    select
        record_id,
        {% for column in columns -%}
        {{ column }},
        {% endfor -%}
        known_at,
        first_known_at,
        landed_at,
        batch_id
    from (
        select
            *,
            min(known_at) over (partition by record_id) as first_known_at,
            row_number() over (
                partition by record_id
                order by {{ version_order(source_name, entity, newest_first=true) }}
            ) as version_rank
        from {{ relation }}
    ) as versions
    where version_rank = 1 and {{ is_living(source_name, entity) }}
{%- endmacro %}


{#- Condition that a version is no delete; every version of an entity whose contract does not speak of deletes is none.
    It belongs after versions are ranked: a delete is the newest version of what it deletes. -#}
{% macro is_living(source_name, entity) %}
    {%- set node = source_node(source_name, entity) -%}
    {%- if node and node.config.meta.deletes in ['soft', 'compare'] -%}
        not coalesce(is_deleted, false)
    {%- else -%}
        true
    {%- endif -%}
{% endmacro %}


{#- The contract's columns of an entity (those that landing adds are not among them); none while dbt parses. -#}
{% macro source_columns(source_name, entity) %}
    {%- set names = [] -%}
    {%- set node = source_node(source_name, entity) -%}
    {%- if node -%}
        {%- for column in node.columns.values() if column.config.meta.classification -%}
            {%- do names.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(names) }}
{% endmacro %}


{% macro source_node(source_name, entity) %}
    {%- if execute -%}
        {{ return(graph.sources['source.customer_lake.' ~ source_name ~ '.' ~ entity]) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}

{#- Several dbt calls make one run, each with a new ":memory:" database. On connect the plugin registers bronze and
    every Delta table there is; here follow the parents of what was selected that are still missing: views not
    selected in this call, and tables nobody has written yet, which read as empty. -#}
{% macro register_upstream() %}
    {#- dbt wants to have seen every ref of this operation while it parsed. -#}
    {%- for name in var('models') -%}{%- do ref(name) -%}{%- endfor -%}
    {% if not execute or target.type != 'duckdb' %}{{ return('') }}{% endif %}
    {%- set wanted = [] -%}
    {%- set seen = {} -%}
    {%- set open = selected_resources | list -%}
    {#- Depth first: a view is created after what it reads. -#}
    {%- for unique_id in open -%}
        {%- do visit_upstream(unique_id, seen, wanted) -%}
    {%- endfor -%}
    {%- for node in wanted if node.unique_id not in selected_resources -%}
        {%- set relation = api.Relation.create(
            database=node.database, schema=node.schema, identifier=node.alias or node.identifier, type='view'
        ) -%}
        {%- if node.resource_type == 'model' and node.config.materialized == 'view' -%}
            {% do create_view(relation, render(node.raw_code)) %}
        {%- elif not relation_is_registered(relation) -%}
            {% do create_view(relation, empty_relation(node.columns.values())) %}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro visit_upstream(unique_id, seen, wanted) %}
    {%- if unique_id not in seen -%}
        {%- do seen.update({unique_id: true}) -%}
        {%- set node = graph.nodes.get(unique_id) or graph.sources.get(unique_id) -%}
        {#- A unit test stands for its model, whose inputs it types by the relations they replace. -#}
        {%- if unique_id.startswith('unit_test.') -%}
            {%- set model_id = 'model.' ~ project_name ~ '.' ~ unique_id.split('.')[2] -%}
            {%- for parent in graph.nodes[model_id].depends_on.nodes -%}
                {%- do visit_upstream(parent, seen, wanted) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if node and (unique_id in selected_resources or node.config.get('materialized') == 'view') -%}
            {%- for parent in node.depends_on.nodes -%}
                {%- do visit_upstream(parent, seen, wanted) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if node and node.resource_type in ('model', 'source') -%}
            {%- do wanted.append(node) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro create_view(relation, sql) %}
    {% do run_query('create schema if not exists ' ~ relation.schema) %}
    {% do run_query('create or replace view ' ~ relation ~ ' as (' ~ sql ~ ')') %}
{% endmacro %}


{% macro relation_is_registered(relation) %}
    {%- set views = run_query(
        "select count(*) from duckdb_views() where schema_name = '" ~ relation.schema
        ~ "' and view_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(views.rows[0][0] > 0) }}
{% endmacro %}


{#- No rows, and the columns as the yml types them. -#}
{% macro empty_relation(columns) %}
    select
        {% for column in columns -%}
        cast(null as {{ engine_type(column.data_type) }}) as {{ column.name }}{{ ',' if not loop.last }}
        {% endfor %}
    where false
{% endmacro %}

{#- The query becomes a view; dbt_project/delta_plugin.py streams the view into the Delta table through
    lake/writer.py and then re-creates the model's name as a view on delta_scan. -#}
{% macro write_delta(mode) %}
    {%- set target = this.incorporate(type='view') -%}
    {%- set query = this.incorporate(path={'identifier': this.identifier ~ '__query'}, type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- set is_contracted = config.get('contract').enforced -%}
    {%- if is_contracted %}{% do get_assert_columns_equivalent(sql) %}{% endif -%}
    {% call statement('main') -%}
        create or replace view {{ query }} as (
            {% if is_contracted -%}
            select {{ model.columns.keys() | join(', ') }} from (
                {{ sql }}
            ) as contracted
            {%- else -%}
            {{ sql }}
            {%- endif %}
        )
    {%- endcall %}
    {%- set not_null = [] -%}
    {%- set personal = [] -%}
    {%- for column in model.columns.values() -%}
        {%- if column.constraints | selectattr('type', 'eq', 'not_null') | list -%}
            {%- do not_null.append(column.name) -%}
        {%- endif -%}
        {%- if (column.config.meta.classification or '').startswith('pii_') -%}
            {%- do personal.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {% do adapter.store_relation('delta_plugin', query, [], this.schema ~ '/' ~ this.identifier, mode, {
        'unique_key': config.get('unique_key'),
        'partition_by': config.get('partition_by'),
        'not_null': not_null,
        'personal': personal,
    }) %}
    {% call statement('drop_query') %}drop view {{ query }}{% endcall %}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmacro %}


{#- dbt asks whether the target is a table; ours are views on Delta, registered on connect where they exist. -#}
{% macro is_incremental() %}
    {% if target.type != 'duckdb' %}{{ return(dbt.is_incremental()) }}{% endif %}
    {% if not execute or config.get('materialized') != 'incremental' or should_full_refresh() %}
        {{ return(false) }}
    {% endif %}
    {%- set strategy = config.get('incremental_strategy') or ('merge' if config.get('unique_key') else 'append') -%}
    {{ return(relation_is_registered(this) and (strategy != 'merge' or holds_every_column(this))) }}
{% endmacro %}


{#- Whether a table has all columns of its model's contract. One that a column was added to since is merged with the
    whole query once, so that the column is filled for old rows too. -#}
{% macro holds_every_column(relation) %}
    {%- set existing_columns = [] -%}
    {%- for row in run_query('describe select * from ' ~ relation).rows -%}
        {%- do existing_columns.append(row[0]) -%}
    {%- endfor -%}
    {{ return(model.columns.keys() | reject('in', existing_columns) | list | length == 0) }}
{% endmacro %}

{#- `append`, `merge` on unique_key (rows that the table has already are not written), or `insert_overwrite`
    of the partitions the query touches. A first run, or --full-refresh, writes the whole table. -#}
{% materialization incremental, adapter='duckdb' -%}
    {%- set strategy = config.get('incremental_strategy') or ('merge' if config.get('unique_key') else 'append') -%}
    {%- if strategy not in ('append', 'merge', 'insert_overwrite') -%}
        {% do exceptions.raise_compiler_error(
            "incremental_strategy should be append, merge or insert_overwrite, not '" ~ strategy ~ "'"
        ) %}
    {%- endif -%}
    {{ return(write_delta('rebuild' if should_full_refresh() else strategy)) }}
{%- endmaterialization %}

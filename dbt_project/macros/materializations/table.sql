{#- The table mirrors its query. Where the content is as it was, no new Delta version is written. -#}
{% materialization table, adapter='duckdb' -%}
    {{ return(write_delta('mirror')) }}
{%- endmaterialization %}

{#- The schema is the lake's zone, which is also the first part of the Delta table's name. -#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- custom_schema_name or target.schema -}}
{% endmacro %}

{#- The columns that order the versions of a record, for an `order by`: the oldest version first, or the newest. Which
    columns these are is declared once, in contracts/version_order.py; the derived sources carry the list. -#}
{% macro version_order(source_name, entity, newest_first=false) %}
    {%- set node = source_node(source_name, entity) -%}
    {%- set columns = node.config.meta.version_order if node else ['known_at'] -%}
    {{- columns | join(' desc, ' if newest_first else ', ') }}{{ ' desc' if newest_first -}}
{% endmacro %}

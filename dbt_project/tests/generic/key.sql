{#- The column is the model's key: never null, never twice. One query where dbt's own two tests take two. -#}
{% test key(model, column_name) %}
    select
        {{ column_name }},
        count(*) as rows_count
    from {{ model }}
    group by {{ column_name }}
    having count(*) > 1 or {{ column_name }} is null
{% endtest %}

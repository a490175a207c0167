{#- A feature table's key is person and snapshot: never null, never twice. -#}
{% test one_row_per_snapshot(model) %}
    select
        person_id,
        event_timestamp,
        count(*) as rows_count
    from {{ model }}
    group by person_id, event_timestamp
    having count(*) > 1 or person_id is null or event_timestamp is null
{% endtest %}

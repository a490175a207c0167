{#- Nearly every row finds its parent. A child may be delivered first, or its parent lie in quarantine; more than the
    tolerated share of orphans is something else. Rows without a key of a parent have none to find. -#}
{% test parent_arrived(model, column_name, to, field, tolerated=0.01) %}
    with children as (
        select {{ column_name }} as parent_key from {{ model }}
        where {{ column_name }} is not null
    ),

    orphans as (
        select children.parent_key
        from children
        left join {{ to }} as parents on children.parent_key = parents.{{ field }}
        where parents.{{ field }} is null
    ),

    counted as (
        select
            (select count(*) from children) as children_count,
            (select count(*) from orphans) as orphans_count
    )

    select orphans.parent_key
    from orphans
    cross join counted
    where counted.orphans_count > {{ tolerated }} * counted.children_count
{% endtest %}

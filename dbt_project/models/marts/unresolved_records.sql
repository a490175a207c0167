with events as (
    select * from {{ ref('journey_events') }}
),

final as (
    select
        event_id as record_id,
        source,
        entity,
        case when person_record_id is null then 'names_nobody' else 'belongs_to_nobody_known' end as reason,
        event_at,
        known_at
    from events
    where person_id is null
)

select * from final

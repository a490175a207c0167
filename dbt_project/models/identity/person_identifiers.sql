with linked as (
    select * from {{ ref('int_person_records__linked') }}
),

held as (
    {{ unnested_identifiers('linked', ['person_id', 'record_id', 'source', 'country', 'updated_at']) }}
),

read_alike as (
    select
        person_id,
        record_id,
        source,
        kind,
        updated_at,
        trim(value) as typed,
        {{ comparable_identifier('kind', 'value', 'country') }} as value
    from held
    where value is not null
),

-- When a system last had to do with the record; one that never had dates from when it was made.
seen as (
    select
        person_record_id,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at
    from {{ ref('journey_events') }}
    where person_record_id is not null
    group by person_record_id
),

final as (
    select
        read_alike.person_id,
        read_alike.kind,
        coalesce(read_alike.value, read_alike.typed) as value,
        min(case
            when read_alike.value is null then 0
            when read_alike.kind = 'email' and not {{ is_email('read_alike.value') }} then 0
            when read_alike.kind = 'phone' and not {{ is_phone('read_alike.value') }} then 0
            else 1
        end) = 1 as is_valid,
        cast(count(distinct read_alike.record_id) as bigint) as records_count,
        cast(count(*) over (
            partition by read_alike.kind, coalesce(read_alike.value, read_alike.typed)
        ) as bigint) as persons_count,
        {{ sorted_values('read_alike.source') }} as sources,
        min(coalesce(seen.first_event_at, read_alike.updated_at)) as first_seen_at,
        max(coalesce(seen.last_event_at, read_alike.updated_at)) as last_seen_at
    from read_alike
    left join seen on read_alike.record_id = seen.person_record_id
    group by read_alike.person_id, read_alike.kind, coalesce(read_alike.value, read_alike.typed)
)

select * from final

with records as (
    {{ records_of_persons(['person_record_id', 'source', 'country', 'identifiers', 'updated_at']) }}
),

stated as (
    {{ unnested_identifiers('records', ['person_id', 'person_record_id', 'source', 'country', 'updated_at']) }}
),

typed as (
    select
        person_id,
        person_record_id,
        source,
        country,
        kind,
        trim(value) as value,
        case when kind = 'phone' then {{ dialled('value') }} end as typed_number,
        updated_at
    from stated
    where value is not null
),

read_alike as (
    select
        person_id,
        person_record_id,
        source,
        kind,
        value as typed,
        {{ comparable_identifier('kind', 'value', 'typed_number', 'country') }} as value,
        updated_at
    from typed
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

-- Per source first: counting distinct records and sources of every value at once takes four times as long.
by_source as (
    select
        read_alike.person_id,
        read_alike.kind,
        coalesce(read_alike.value, read_alike.typed) as value,
        read_alike.source,
        read_alike.value is not null as is_no_placeholder,
        -- A record has one value of a kind.
        count(*) as records_count,
        min(coalesce(seen.first_event_at, read_alike.updated_at)) as first_seen_at,
        max(coalesce(seen.last_event_at, read_alike.updated_at)) as last_seen_at
    from read_alike
    left join seen on read_alike.person_record_id = seen.person_record_id
    group by
        read_alike.person_id,
        read_alike.kind,
        coalesce(read_alike.value, read_alike.typed),
        read_alike.source,
        read_alike.value is not null
),

final as (
    select
        person_id,
        kind,
        value,
        is_no_placeholder
        and (kind <> 'email' or {{ is_email('value') }})
        and (kind <> 'phone' or {{ is_phone('value') }}) as is_valid,
        cast(sum(records_count) as bigint) as records_count,
        cast(count(*) over (partition by kind, value) as bigint) as persons_count,
        {{ sorted_values('source') }} as sources,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from by_source
    group by person_id, kind, value, is_no_placeholder
)

select * from final

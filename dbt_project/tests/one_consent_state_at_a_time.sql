-- A consent has one state at a time: of what is known now, no span of valid time begins before the one before it ends.
with current_states as (
    select
        person_id,
        purpose,
        channel,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by person_id, purpose, channel order by valid_from, consent_record_id
        ) as next_from
    from {{ ref('person_consents') }}
    where known_to is null
)

select * from current_states
where next_from < valid_to or (valid_to is null and next_from is not null)

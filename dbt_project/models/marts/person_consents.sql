{#- The rule which consent holds, for every moment of valid time and of known time (ADR 36).

    Every version of a consent row is a declaration: CRM keeps the last one per row, the lake keeps them all. Of the
    declarations that are known and not deleted, and that have begun, one counts: of one consent row the newest version,
    of several rows (the customer files of one person) the one that began last. One that has not begun hides nothing;
    one that has run out is not replaced by an older one. -#}
{%- set of_consent = 'person_id, purpose, channel' -%}
with links as (
    {{ current_links() }}
),

versions as (
    {{ staged_versions('stg_crm__consents', 'versions_until_deleted') }}
),

declarations as (
    select
        links.person_id,
        versions.purpose,
        versions.channel,
        versions.record_id,
        versions.version_number,
        versions.is_granted,
        versions.valid_from as declared_from,
        versions.valid_to as declared_to,
        versions.updated_at,
        versions.known_at,
        versions.deleted_at,
        -- A withdrawal keeps the row's first day; it holds from when it was declared.
        case
            when versions.is_granted then versions.valid_from
            else greatest(versions.valid_from, versions.event_at)
        end as begins_at
    from versions
    inner join links on versions.person_record_id = links.person_record_id
),

changes as (
    select
        {{ of_consent }},
        known_at as known_from
    from declarations
    union
    select
        {{ of_consent }},
        deleted_at as known_from
    from declarations
    where deleted_at is not null
),

-- What is known of a consent changes at these moments only.
knowledge as (
    select
        {{ of_consent }},
        known_from,
        lead(known_from) over (partition by {{ of_consent }} order by known_from) as known_to,
        row_number() over (partition by {{ of_consent }} order by known_from) as knowledge_number
    from changes
),

known as (
    select
        declarations.*,
        knowledge.known_from,
        knowledge.known_to,
        knowledge.knowledge_number,
        -- Since when a newer version of the same row counts instead.
        min(declarations.begins_at) over (
            partition by
                declarations.person_id, declarations.purpose, declarations.channel,
                knowledge.knowledge_number, declarations.record_id
            order by declarations.version_number desc
            rows between unbounded preceding and 1 preceding
        ) as newer_begins_at
    from declarations
    inner join knowledge
        on
            declarations.person_id = knowledge.person_id
            and declarations.purpose = knowledge.purpose
            and declarations.channel = knowledge.channel
            and declarations.known_at <= knowledge.known_from
            and (declarations.deleted_at is null or declarations.deleted_at > knowledge.known_from)
),

ranked as (
    select
        *,
        -- Of two that begin at the same moment the one changed last counts.
        row_number() over (
            partition by {{ of_consent }}, knowledge_number, begins_at
            order by updated_at desc, record_id asc
        ) as place
    from known
    where newer_begins_at is null or newer_begins_at > begins_at
),

counted as (
    select
        *,
        lead(begins_at) over (partition by {{ of_consent }}, knowledge_number order by begins_at) as replaced_at,
        row_number() over (partition by {{ of_consent }}, knowledge_number order by begins_at) as sequence_number
    from ranked
    where place = 1
),

states as (
    select
        *,
        case when is_granted then 'granted' else 'refused' end as state,
        begins_at as valid_from,
        case when is_granted then least(declared_to, replaced_at) else replaced_at end as valid_to
    from counted
    where not is_granted or declared_to is null or declared_to > begins_at
    union all
    select
        *,
        'expired' as state,
        greatest(declared_to, begins_at) as valid_from,
        replaced_at as valid_to
    from counted
    where is_granted and (declared_to < replaced_at or (declared_to is not null and replaced_at is null))
    union all
    select
        *,
        'not_yet' as state,
        known_at as valid_from,
        begins_at as valid_to
    from counted
    where sequence_number = 1 and known_at < begins_at
),

-- The same state over several changes of knowledge in a row is one row.
placed as (
    select
        *,
        knowledge_number - row_number() over (
            partition by {{ of_consent }}, record_id, version_number, state, valid_from, valid_to
            order by knowledge_number
        ) as island
    from states
),

final as (
    select
        person_id,
        purpose,
        channel,
        record_id as consent_record_id,
        state,
        valid_from,
        valid_to,
        min(known_from) as known_from,
        case when count(known_to) = count(*) then max(known_to) end as known_to,
        declared_from,
        declared_to,
        updated_at
    from placed
    group by
        person_id,
        purpose,
        channel,
        record_id,
        version_number,
        state,
        valid_from,
        valid_to,
        declared_from,
        declared_to,
        updated_at,
        island
)

select * from final

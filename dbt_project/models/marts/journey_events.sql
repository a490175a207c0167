with events as (
    {{ union_of_sources('attributed') }}
),

links as (
    {{ current_links() }}
),

{% if is_incremental() -%}
-- The landings of the last hour that this table has read already: all their rows came with them.
known as (
    select distinct
        source,
        entity,
        batch_id
    from {{ this }}
    where landed_at >= {{ last_landing(this) }}
),

{% endif -%}
landed as (
    select
        events.event_id,
        links.person_id,
        events.person_record_id,
        events.source,
        events.entity,
        events.event_type,
        {% for column in event_columns() -%}
        events.{{ column }},
        {% endfor -%}
        events.event_at,
        events.known_at,
        events.landed_at,
        events.batch_id
    from events
    left join links on events.person_record_id = links.person_record_id
    {% if is_incremental() -%}
    where
        events.landed_at >= {{ last_landing(this) }}
        and not exists (
            select 1 from known
            where
                events.source = known.source
                and events.entity = known.entity
                and events.batch_id = known.batch_id
        )
    {%- endif %}
),
{% if is_incremental() %}
-- Nothing new of the event, but its record belongs to another person than when it was written.
relinked as (
    select
        held.event_id,
        links.person_id,
        held.person_record_id,
        held.source,
        held.entity,
        held.event_type,
        {% for column in event_columns() -%}
        held.{{ column }},
        {% endfor -%}
        held.event_at,
        held.known_at,
        held.landed_at,
        held.batch_id
    from {{ this }} as held
    left join links on held.person_record_id = links.person_record_id
    where
        held.person_id is distinct from links.person_id
        and not exists (select 1 from landed where landed.event_id = held.event_id)
),
{% endif %}
final as (
    select * from landed
    {% if is_incremental() -%}
    union all
    select * from relinked
    {%- endif %}
)

select * from final

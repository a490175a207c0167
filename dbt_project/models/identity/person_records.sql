{%- set texts = person_texts() -%}
with identified as (
    {{ union_of_sources('identified') }}
),

fresh as (
    select
        person_record_id,
        max(source) as source,
        min(updated_at) as updated_at,
        {% for text in texts -%}
        max({{ text }}) as {{ text }},
        {% endfor -%}
        max(identifiers) as identifiers,
        min(known_at) as known_at,
        min(landed_at) as landed_at
    from identified
    {% if is_incremental() -%}
    where landed_at >= {{ last_landing(this) }}
    {% endif -%}
    group by person_record_id
),

final as (
    {% if is_incremental() -%}
    -- A view of values is as old as it ever was; a customer of crm is dated by the newest version alone.
    select
        fresh.person_record_id,
        fresh.source,
        least(fresh.updated_at, coalesce(held.updated_at, fresh.updated_at)) as updated_at,
        {% for text in texts -%}
        fresh.{{ text }},
        {% endfor -%}
        fresh.identifiers,
        least(fresh.known_at, coalesce(held.known_at, fresh.known_at)) as known_at,
        least(fresh.landed_at, coalesce(held.landed_at, fresh.landed_at)) as landed_at
    from fresh
    left join {{ this }} as held
        on fresh.person_record_id = held.person_record_id and fresh.person_record_id like '%:person:%'
    {%- else -%}
    select * from fresh
    {%- endif %}
)

select * from final

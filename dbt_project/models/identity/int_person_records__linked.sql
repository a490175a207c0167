with records as (
    select * from {{ ref('person_records') }}
),

links as (
    {{ current_links() }}
),

cleaned as (
    select
        links.person_id,
        records.record_id,
        records.source,
        {% for text in ['full_name', 'given_name', 'family_name', 'street', 'city', 'region', 'postcode', 'country'] -%}
        {{ cleaned('records.' ~ text) }} as {{ text }},
        {% endfor -%}
        {{ comparable_email('records.email') }} as email,
        {{ comparable_phone('records.phone', 'records.country') }} as phone,
        {{ comparable_birth_date('trim(records.birth_date)', 'records.updated_at') }} as birth_date,
        {{ comparable_gender(cleaned('records.gender')) }} as gender,
        records.identifiers,
        records.updated_at
    from links
    inner join records on links.record_id = records.record_id
),

-- Per attribute of the survivorship table: what two records have to share to say the same, and whether it can be true.
final as (
    select
        *,
        {{ comparable_name('full_name', 'given_name', 'family_name') }} as name_key,
        length({{ comparable_name('full_name', 'given_name', 'family_name') }}) > 1 as name_is_valid,
        email as email_key,
        {{ is_email('email') }} as email_is_valid,
        phone as phone_key,
        {{ is_phone('phone') }} as phone_is_valid,
        {{ comparable_address('street', 'city') }} as address_key,
        -- A city alone says where somebody lives, but no letter arrives there.
        street is not null and city is not null as address_is_valid,
        birth_date as birth_date_key,
        -- The first of January is what a form holds where only the year was known.
        extract(month from birth_date) + extract(day from birth_date) > 2 as birth_date_is_valid,
        gender as gender_key,
        coalesce(gender in ('F', 'M'), false) as gender_is_valid
    from cleaned
)

select * from final

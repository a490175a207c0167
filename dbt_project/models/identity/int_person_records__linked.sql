with records as (
    select * from {{ ref('person_records') }}
),

links as (
    {{ current_links() }}
),

typed as (
    select
        links.person_id,
        records.person_record_id,
        records.source,
        {% for text in person_texts() if text not in ('email', 'phone', 'national_id') -%}
        {{ cleaned('records.' ~ text) }} as {{ text }},
        {% endfor -%}
        records.email,
        {{ dialled('records.phone') }} as phone,
        records.identifiers,
        records.updated_at
    from links
    inner join records on links.person_record_id = records.person_record_id
),

cleaned as (
    select
        person_id,
        person_record_id,
        source,
        full_name,
        given_name,
        family_name,
        {{ comparable_email('email') }} as email,
        {{ comparable_phone('phone', 'country') }} as phone,
        street,
        city,
        region,
        postcode,
        country,
        {{ comparable_birth_date('birth_date', 'updated_at') }} as birth_date,
        {{ comparable_gender('gender') }} as gender,
        {{ comparable_name('full_name', 'given_name', 'family_name') }} as name_key,
        {{ comparable_address('street', 'city') }} as address_key,
        identifiers,
        updated_at
    from typed
),

-- Per attribute of the survivorship table: what two records have to share to say the same, and whether it can be true.
final as (
    select
        *,
        length(name_key) > 1 as name_is_valid,
        email as email_key,
        {{ is_email('email') }} as email_is_valid,
        phone as phone_key,
        {{ is_phone('phone') }} as phone_is_valid,
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

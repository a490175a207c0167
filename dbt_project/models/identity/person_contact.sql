with linked as (
    select * from {{ ref('int_person_records__linked') }}
),

names as (
    {{ golden('linked', 'name', ['full_name', 'given_name', 'family_name']) }}
),

emails as (
    {{ golden('linked', 'email', ['email']) }}
),

phones as (
    {{ golden('linked', 'phone', ['phone']) }}
),

-- An address is taken whole, from one record.
addresses as (
    {{ golden('linked', 'address', ['street', 'city', 'region', 'postcode', 'country'], has='coalesce(street, city)') }}
),

birth_dates as (
    {{ golden('linked', 'birth_date', ['birth_date']) }}
),

genders as (
    {{ golden('linked', 'gender', ['gender']) }}
),

persons as (
    select
        person_id,
        {{ sorted_values('lower(email)') }} as emails,
        {{ sorted_values('phone') }} as phones
    from linked
    group by person_id
),

final as (
    select
        persons.person_id,
        names.full_name,
        names.given_name,
        names.family_name,
        names.name_source,
        names.name_updated_at,
        emails.email,
        emails.email_source,
        emails.email_updated_at,
        phones.phone,
        phones.phone_source,
        phones.phone_updated_at,
        addresses.street,
        addresses.city,
        addresses.region,
        addresses.postcode,
        addresses.country,
        addresses.address_source,
        addresses.address_updated_at,
        birth_dates.birth_date,
        birth_dates.birth_date_source,
        birth_dates.birth_date_updated_at,
        genders.gender,
        genders.gender_source,
        genders.gender_updated_at,
        persons.emails,
        persons.phones
    from persons
    left join names on persons.person_id = names.person_id
    left join emails on persons.person_id = emails.person_id
    left join phones on persons.person_id = phones.person_id
    left join addresses on persons.person_id = addresses.person_id
    left join birth_dates on persons.person_id = birth_dates.person_id
    left join genders on persons.person_id = genders.person_id
)

select * from final

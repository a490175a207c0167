{#- At one address with more people than this is a dormitory, an office or a shop. -#}
{%- set largest_household = 8 -%}
with links as (
    {{ current_links() }}
),

memberships as (
    {{ staged_versions('stg_crm__households', 'believed_versions') }}
),

said as (
    select
        links.person_id,
        memberships.household_id,
        memberships.role,
        memberships.event_at,
        case
            when memberships.replaced_at < {{ instant('9999-01-01T00:00:00+00:00') }}
            then memberships.replaced_at
        end as replaced_at,
        -- Several customer files of one person may name several roles: the one that holds, then the newest.
        row_number() over (
            partition by links.person_id, memberships.household_id
            order by
                case when memberships.role is null then 1 else 0 end,
                memberships.replaced_at desc,
                memberships.known_at desc,
                memberships.record_id asc
        ) as place
    from memberships
    inner join links on memberships.person_record_id = links.person_record_id
    where memberships.household_id is not null
),

declared as (
    select
        person_id,
        concat('crm:', household_id) as household_id,
        'declared' as kind,
        max(case when place = 1 then role end) as role,
        'crm' as source,
        min(event_at) as valid_from,
        case when count(replaced_at) = count(*) then max(replaced_at) end as valid_to
    from said
    group by person_id, household_id
),

addresses as (
    select
        person_id,
        {{ lake_token(comparable_address('street', 'city')) }} as address_token,
        address_source,
        address_updated_at
    from {{ ref('person_contact') }}
    where address_is_valid
),

shared as (
    select address_token
    from addresses
    group by address_token
    having count(*) between 2 and {{ largest_household }}
),

living_together as (
    select
        addresses.person_id,
        concat('address:', addresses.address_token) as household_id,
        'shared_address' as kind,
        cast(null as {{ engine_type('string') }}) as role,
        addresses.address_source as source,
        addresses.address_updated_at as valid_from,
        cast(null as {{ engine_type('timestamp') }}) as valid_to
    from addresses
    inner join shared on addresses.address_token = shared.address_token
),

memberships_of_both_kinds as (
    select * from declared
    union all
    select * from living_together
),

final as (
    select
        person_id,
        household_id,
        kind,
        role,
        source,
        cast(count(case when valid_to is null then 1 end) over (partition by household_id) as bigint) as members_count,
        valid_from,
        valid_to
    from memberships_of_both_kinds
)

select * from final

{#- What the journey is counted by: {column: condition on an event}. -#}
{%- set counted = {
    'orders_count': "event_type = 'order_placed'",
    'returns_count': "event_type = 'order_returned'",
    'contacts_count': "event_type = 'contact_made'",
    'complaints_count': "event_type = 'complaint_made'",
    'claims_count': "event_type = 'claim_opened'",
    'deliveries_count': "event_type = 'service_delivered'",
    'messages_count': "event_type = 'message_sent'",
    'surveys_answered_count': "event_type = 'survey_answered'",
    'visits_count': "event_type = 'session_started'",
} -%}
{%- set counted_kinds = {
    'crm_ids_count': 'crm_id', 'accounts_count': 'account_id', 'emails_count': 'email', 'phones_count': 'phone',
    'cookies_count': 'cookie_id', 'devices_count': 'device_id',
} -%}
{%- set purposes = ['service', 'analytics', 'marketing', 'research', 'health'] -%}
with contacts as (
    select * from {{ ref('person_contact') }}
),

records as (
    {{ records_of_persons(['source']) }}
),

links as (
    {{ current_links() }}
),

customer_rows as (
    select
        links.person_id,
        customers.person_record_id,
        'crm' as source,
        customers.person_record_id as customer_key,
        -- Of two files of one person the open one counts.
        coalesce(customers.status <> 'closed', true) as customer_is_valid,
        customers.tier,
        customers.is_employee,
        customers.customer_since,
        customers.status,
        customers.updated_at
    from links
    inner join {{ ref('stg_crm__customers') }} as customers on links.person_record_id = customers.person_record_id
),

customers as (
    {{ golden('customer_rows', 'customer') }}
),

consents_now as (
    {{ consents_at(lake_now()) }}
),

consents as (
    select
        person_id,
        {% for purpose in purposes -%}
        max(case when purpose = '{{ purpose }}' then 1 else 0 end) = 1 as has_{{ purpose }}_consent,
        {% endfor -%}
        {{ sorted_values("purpose || ':' || channel") }} as consents
    from consents_now
    where state = 'granted'
    group by person_id
),

kinds as (
    select
        person_id,
        {% for column, kind in counted_kinds.items() -%}
        cast(count(case when kind = '{{ kind }}' and is_valid then 1 end) as bigint) as {{ column }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ ref('person_identifiers') }}
    group by person_id
),

households as (
    select
        person_id,
        cast(count(*) as bigint) as households_count
    from {{ ref('person_households') }}
    where valid_to is null
    group by person_id
),

events as (
    select * from {{ ref('journey_events') }}
    where person_id is not null
),

-- A system knows a person by its records, whether or not anything has happened there yet.
record_counts as (
    select
        person_id,
        source,
        cast(count(*) as bigint) as records_count
    from records
    group by person_id, source
),

-- Events are read once, per person and system; a person's own counts are sums of these few rows.
event_counts as (
    select
        person_id,
        source,
        cast(count(*) as bigint) as events_count,
        {% for column, condition in counted.items() -%}
        cast(count(case when {{ condition }} then 1 end) as bigint) as {{ column }},
        {% endfor -%}
        -- Whole fen: a sum of doubles would depend on the order of rows.
        cast(sum(
            case
                when event_type = 'order_placed' and detail <> 'cancelled' then cast(round(amount_cny * 100) as bigint)
            end
        ) as bigint) as orders_total_fen,
        max(case when event_type = 'panel_joined' then 1 else 0 end) as panel_member,
        max(case when event_type = 'person_unsubscribed' then 1 else 0 end) as unsubscribed,
        min(event_at) as first_event_at,
        max(event_at) as last_event_at,
        max(case when event_type = 'contact_made' then event_at end) as last_contact_at
    from events
    group by person_id, source
),

systems as (
    select
        coalesce(record_counts.person_id, event_counts.person_id) as person_id,
        coalesce(record_counts.source, event_counts.source) as source,
        coalesce(record_counts.records_count, 0) as records_count,
        coalesce(event_counts.events_count, 0) as events_count,
        {% for column in counted -%}
        event_counts.{{ column }},
        {% endfor -%}
        event_counts.orders_total_fen,
        event_counts.panel_member,
        event_counts.unsubscribed,
        event_counts.first_event_at,
        event_counts.last_event_at,
        event_counts.last_contact_at
    from record_counts
    full join event_counts
        on record_counts.person_id = event_counts.person_id and record_counts.source = event_counts.source
),

coverage as (
    select
        person_id,
        cast(sum(records_count) as bigint) as records_count,
        cast(count(*) as bigint) as sources_count,
        {{ sorted_structs({
            'source': 'source', 'records_count': 'records_count', 'events_count': 'events_count',
            'first_event_at': 'first_event_at', 'last_event_at': 'last_event_at',
        }) }} as coverage,
        cast(sum(events_count) as bigint) as events_count,
        {% for column in counted -%}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {% endfor -%}
        cast(sum(orders_total_fen) as double) / 100 as orders_total_cny,
        max(panel_member) as panel_member,
        max(unsubscribed) as unsubscribed,
        min(first_event_at) as first_event_at,
        max(last_event_at) as last_event_at,
        max(last_contact_at) as last_contact_at
    from systems
    group by person_id
),

final as (
    select
        contacts.person_id,
        {{ lake_token('contacts.email') }} as email_token,
        {{ lake_token('contacts.phone') }} as phone_token,
        cast(extract(year from contacts.birth_date) as bigint) as birth_year,
        {{ age_band('contacts.birth_date', lake_now()) }} as age_band,
        contacts.birth_date_source,
        contacts.birth_date_updated_at,
        contacts.gender,
        contacts.gender_source,
        contacts.gender_updated_at,
        contacts.city,
        contacts.region,
        contacts.country,
        contacts.address_source,
        contacts.address_updated_at,
        customers.tier,
        customers.is_employee,
        customers.customer_since,
        customers.status,
        customers.customer_source,
        customers.customer_updated_at,
        {% for purpose in purposes -%}
        coalesce(consents.has_{{ purpose }}_consent, false) as has_{{ purpose }}_consent,
        {% endfor -%}
        coalesce(consents.consents, {{ empty_list('string') }}) as consents,
        {{ names_that_hold({
            'employee': 'customers.is_employee',
            'vip': "customers.tier = 'vip'",
            'former_customer': "customers.status = 'closed'",
            'experience_officer': 'coverage.panel_member = 1',
            'unsubscribed': 'coverage.unsubscribed = 1',
        }) }} as tags,
        coalesce(coverage.records_count, 0) as records_count,
        {% for column in counted_kinds -%}
        coalesce(kinds.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        coalesce(households.households_count, 0) as households_count,
        coalesce(coverage.sources_count, 0) as sources_count,
        coverage.coverage,
        coalesce(coverage.events_count, 0) as events_count,
        {% for column in counted -%}
        coalesce(coverage.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        coalesce(coverage.orders_total_cny, 0) as orders_total_cny,
        coverage.first_event_at,
        coverage.last_event_at,
        coverage.last_contact_at
    from contacts
    left join customers on contacts.person_id = customers.person_id
    left join consents on contacts.person_id = consents.person_id
    left join households on contacts.person_id = households.person_id
    left join kinds on contacts.person_id = kinds.person_id
    left join coverage on contacts.person_id = coverage.person_id
)

select * from final

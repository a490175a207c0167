with source as (
    {{ latest_versions('service_delivery', 'claims') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('service_delivery', ['account_id', 'booking_name']) }} as person_record_id
    from source
)

select * from identified

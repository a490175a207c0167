with source as (
    {{ latest_versions('devices', 'registrations') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('devices', ['device_serial', 'account_id']) }} as person_record_id
    from source
)

select * from identified

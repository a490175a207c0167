with source as (
    {{ latest_versions('devices', 'readings') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('devices', ['device_serial']) }} as person_record_id
    from source
)

select * from identified

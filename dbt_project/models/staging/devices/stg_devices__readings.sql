with source as (
    {{ latest_versions('devices', 'readings') }}
),

identified as (
    select
        source.*,
        case when kind <> 'branch_sensor' then {{ person_record_id('devices', ['device_serial']) }} end as person_record_id
    from source
)

select * from identified

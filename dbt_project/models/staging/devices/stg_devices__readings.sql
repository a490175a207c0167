with source as (
    {{ latest_versions('devices', 'readings') }}
),

identified as (
    select
        source.*,
        -- A sensor of a branch is about nobody.
        case
            when kind <> 'branch_sensor'
            then {{ person_record_id('devices', ['device_serial']) }}
        end as person_record_id
    from source
)

select * from identified

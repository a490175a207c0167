with source as (
    {{ latest_versions('app_performance', 'errors') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('app_performance', ['device_id']) }} as person_record_id
    from source
)

select * from identified

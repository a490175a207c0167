with source as (
    {{ latest_versions('web_app', 'sessions') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('web_app', ['cookie_id', 'device_id', 'account_id']) }} as person_record_id
    from source
)

select * from identified

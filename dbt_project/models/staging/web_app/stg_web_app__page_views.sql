with source as (
    {{ latest_versions('web_app', 'page_views') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('web_app', ['cookie_id', 'device_id']) }} as person_record_id
    from source
)

select * from identified

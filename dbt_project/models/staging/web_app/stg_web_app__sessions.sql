with source as (
    {{ latest_versions('web_app', 'sessions') }}
),

identified as (
    select
        source.*,
        -- A bot is nobody.
        case
            when not coalesce(is_bot, false)
            then {{ person_record_id('web_app', ['cookie_id', 'device_id', 'account_id']) }}
        end as person_record_id
    from source
)

select * from identified

with source as (
    {{ latest_versions('voice_of_customer', 'social_mentions') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('voice_of_customer', ['social_handle', 'email']) }} as person_record_id
    from source
)

select * from identified

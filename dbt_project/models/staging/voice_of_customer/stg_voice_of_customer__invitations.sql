with source as (
    {{ latest_versions('voice_of_customer', 'invitations') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('voice_of_customer', ['email', 'phone']) }} as person_record_id
    from source
)

select * from identified

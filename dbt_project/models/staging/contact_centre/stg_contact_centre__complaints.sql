with source as (
    {{ latest_versions('contact_centre', 'complaints') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('contact_centre', ['phone', 'crm_id']) }} as person_record_id
    from source
)

select * from identified

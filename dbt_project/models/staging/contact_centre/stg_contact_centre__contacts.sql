with source as (
    {{ latest_versions('contact_centre', 'contacts') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('contact_centre', ['phone', 'email', 'caller_name', 'crm_id']) }} as person_record_id
    from source
)

select * from identified

with source as (
    {{ latest_versions('contact_centre', 'supervisor_requests') }}
)

select * from source

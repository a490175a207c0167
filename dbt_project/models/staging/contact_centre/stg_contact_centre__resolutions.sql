with source as (
    {{ latest_versions('contact_centre', 'resolutions') }}
)

select * from source

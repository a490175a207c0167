with source as (
    {{ latest_versions('contact_centre', 'transfers') }}
)

select * from source

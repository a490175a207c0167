with source as (
    {{ latest_versions('voice_of_customer', 'panel_reports') }}
)

select * from source

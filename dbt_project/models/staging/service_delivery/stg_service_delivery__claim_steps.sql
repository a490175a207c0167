with source as (
    {{ latest_versions('service_delivery', 'claim_steps') }}
)

select * from source

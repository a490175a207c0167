with source as (
    {{ latest_versions('orders', 'returns') }}
)

select * from source

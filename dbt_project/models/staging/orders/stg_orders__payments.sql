with source as (
    {{ latest_versions('orders', 'payments') }}
)

select * from source

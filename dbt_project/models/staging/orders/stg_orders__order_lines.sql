with source as (
    {{ latest_versions('orders', 'order_lines') }}
)

select * from source

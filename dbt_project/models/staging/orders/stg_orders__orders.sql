with source as (
    {{ latest_versions('orders', 'orders') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('orders', [
            'account_id', 'email', 'delivery_name', 'delivery_street', 'delivery_city', 'delivery_region',
            'delivery_postcode', 'delivery_country',
        ]) }} as person_record_id
    from source
)

select * from identified

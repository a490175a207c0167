with source as (
    {{ latest_versions('orders', 'holdings') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('orders', ['account_id']) }} as person_record_id
    from source
)

select * from identified

-- An order that was paid has a payment. One row per day on which more than one paid order in ten has none.
{{ config(severity='warn', meta={'owner': 'commerce-platform'}) }}

with orders as (
    select order_id, cast(event_at as date) as ordered_on
    from {{ ref('stg_orders__orders') }}
    where order_status in ('paid', 'shipped', 'completed')
),

payments as (
    select distinct order_id from {{ ref('stg_orders__payments') }}
),

days as (
    select
        orders.ordered_on,
        count(*) as orders_count,
        count(*) - count(payments.order_id) as without_payment_count
    from orders
    left join payments on orders.order_id = payments.order_id
    group by orders.ordered_on
)

select * from days
where without_payment_count > 0.1 * orders_count

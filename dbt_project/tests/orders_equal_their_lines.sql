-- order_total = sum of lines - discount. A line in quarantine breaks it for its order; beyond one order in a hundred,
-- something else does.
{{ config(severity='warn', meta={'owner': 'commerce-platform'}) }}

with orders as (
    select order_id, order_total_cny, discount_cny from {{ ref('stg_orders__orders') }}
),

lines as (
    select order_id, sum(line_total_cny) as lines_total_cny
    from {{ ref('stg_orders__order_lines') }}
    group by order_id
),

wrong as (
    select
        orders.order_id,
        orders.order_total_cny,
        orders.discount_cny,
        lines.lines_total_cny
    from orders
    left join lines on orders.order_id = lines.order_id
    where
        lines.order_id is null
        or abs(orders.order_total_cny - (lines.lines_total_cny - orders.discount_cny)) > 0.015
),

counted as (
    select
        (select count(*) from orders) as orders_count,
        (select count(*) from wrong) as wrong_count
)

select wrong.*
from wrong
cross join counted
where counted.wrong_count > 0.01 * counted.orders_count

{%- set order = {'model': 'stg_orders__orders', 'key': 'order_id', 'is_unique': true, 'shared': true} -%}
with {{ shared_rows('stg_orders__orders', ['order_id', 'sales_channel', 'order_status', 'order_total_cny']) }}

{{ attributed('orders', 'orders', 'order_placed', {
    'channel': 'sales_channel', 'detail': 'order_status', 'order_id': 'order_id', 'amount_cny': 'order_total_cny',
}, shared=true) }}
union all
{{ attributed('orders', 'order_lines', 'product_ordered', {
    'order_id': 'order_id', 'product_category': 'product_category', 'amount_cny': 'line_total_cny',
}, parent=order) }}
union all
{{ attributed('orders', 'payments', 'payment_made', {
    'channel': 'method', 'detail': 'payment_status', 'order_id': 'order_id', 'amount_cny': 'amount_cny',
}, parent=order) }}
union all
{{ attributed('orders', 'returns', 'order_returned', {
    'detail': 'reason_code', 'order_id': 'order_id', 'amount_cny': 'refund_cny',
}, parent=order) }}
union all
{{ attributed('orders', 'holdings', 'product_held', {
    'detail': 'holding_status', 'product_category': 'product_category', 'amount_cny': 'premium_cny',
}) }}

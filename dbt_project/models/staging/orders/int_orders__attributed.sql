{%- set order = {'model': 'stg_orders__orders', 'key': 'order_id', 'is_unique': true} -%}
{{ attributed('orders', 'orders', 'order_placed', {
    'channel': 'sales_channel', 'detail': 'order_status', 'order_id': 'order_id', 'amount_cny': 'order_total_cny',
}) }}
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

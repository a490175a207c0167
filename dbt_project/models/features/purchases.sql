{{ feature_table([
    ref('stg_orders__orders'),
    ref('stg_orders__order_lines'),
    ref('stg_orders__payments'),
    ref('stg_orders__returns'),
    ref('stg_orders__holdings')
]) }}

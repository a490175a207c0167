{%- set claim = {'model': 'stg_service_delivery__claims', 'key': 'claim_id', 'is_unique': true, 'shared': true} -%}
with {{ shared_rows('stg_service_delivery__claims', ['claim_id', 'kind', 'branch_id', 'claimed_cny']) }}

{{ attributed('service_delivery', 'deliveries', 'service_delivered', {
    'channel': 'service', 'detail': 'cause', 'order_id': 'order_id', 'branch_id': 'branch_id',
    'delay_minutes': 'delay_minutes',
}) }}
union all
{{ attributed('service_delivery', 'cancellations', 'service_cancelled', {'detail': 'cause'}) }}
union all
{{ attributed('service_delivery', 'claims', 'claim_opened', {
    'detail': 'kind', 'case_id': 'claim_id', 'branch_id': 'branch_id', 'amount_cny': 'claimed_cny',
}, shared=true) }}
union all
{{ attributed('service_delivery', 'claim_steps', 'claim_moved', {
    'detail': 'step', 'case_id': 'claim_id', 'branch_id': 'branch_id', 'amount_cny': 'cost_cny',
}, parent=claim) }}

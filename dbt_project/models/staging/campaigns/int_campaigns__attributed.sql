{%- set send = {
    'model': 'stg_campaigns__sends', 'key': 'send_id', 'is_unique': true, 'after_own': true, 'shared': true,
} -%}
with {{ shared_rows('stg_campaigns__sends', ['send_id', 'channel', 'purpose', 'campaign_id', 'product_category']) }}

{{ attributed('campaigns', 'sends', 'message_sent', {
    'channel': 'channel', 'detail': 'purpose', 'campaign_id': 'campaign_id', 'product_category': 'product_category',
}, shared=true) }}
union all
{{ attributed('campaigns', 'opens', 'message_opened', {'campaign_id': 'campaign_id'}, parent=send) }}
union all
{{ attributed('campaigns', 'clicks', 'message_clicked', {'campaign_id': 'campaign_id'}, parent=send) }}
union all
{{ attributed('campaigns', 'unsubscribes', 'person_unsubscribed', {
    'channel': 'channel', 'campaign_id': 'campaign_id',
}, parent=send) }}
union all
{{ attributed('campaigns', 'coupon_redemptions', 'coupon_redeemed', {
    'campaign_id': 'campaign_id', 'order_id': 'order_id', 'amount_cny': 'discount_cny',
}) }}
union all
{{ attributed('campaigns', 'list_outcomes', 'list_offer_made', {'detail': 'outcome'}) }}

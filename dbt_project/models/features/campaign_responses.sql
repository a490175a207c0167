{{ feature_table([
    ref('stg_campaigns__sends'),
    ref('stg_campaigns__opens'),
    ref('stg_campaigns__clicks'),
    ref('stg_campaigns__unsubscribes'),
    ref('stg_campaigns__coupon_redemptions'),
    ref('stg_campaigns__list_outcomes')
]) }}

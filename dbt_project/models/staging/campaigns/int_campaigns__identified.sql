{{ identified(
    'campaigns',
    ['sends', 'opens', 'clicks', 'unsubscribes', 'coupon_redemptions', 'list_outcomes'],
    {'email': 'email'}
) }}

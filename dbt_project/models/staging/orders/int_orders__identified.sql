{{ identified(
    'orders',
    ['orders', 'holdings'],
    {
        'full_name': 'delivery_name', 'email': 'email', 'street': 'delivery_street', 'city': 'delivery_city',
        'region': 'delivery_region', 'postcode': 'delivery_postcode', 'country': 'delivery_country',
    }
) }}

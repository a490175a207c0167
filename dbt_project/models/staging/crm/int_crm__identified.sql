-- CRM has a key for people: a customer is one record, as it stands in the newest version.
{{ identified(
    'crm',
    ['customers'],
    {
        'full_name': 'full_name', 'given_name': 'given_name', 'family_name': 'family_name',
        'birth_date': 'birth_date', 'gender': 'gender', 'email': 'email', 'phone': 'phone',
        'national_id': 'national_id', 'street': 'street', 'city': 'city', 'region': 'region',
        'postcode': 'postcode', 'country': 'country',
    },
    keyed=true
) }}

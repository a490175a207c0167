{{ identified(
    'contact_centre',
    ['contacts', 'complaints', 'goodwill'],
    {'full_name': 'caller_name', 'email': 'email', 'phone': 'phone'}
) }}

{{ identified(
    'voice_of_customer',
    ['invitations', 'responses', 'social_mentions', 'panel_members'],
    {'email': 'email', 'phone': 'phone'}
) }}

{{ feature_table([
    ref('stg_voice_of_customer__invitations'),
    ref('stg_voice_of_customer__responses'),
    ref('stg_voice_of_customer__social_mentions'),
    ref('stg_voice_of_customer__panel_members'),
    ref('stg_voice_of_customer__panel_reports')
]) }}

{{ feature_table([
    ref('stg_devices__registrations'),
    ref('stg_devices__readings')
]) }}

{{ feature_table([
    ref('stg_contact_centre__contacts'),
    ref('stg_contact_centre__transfers'),
    ref('stg_contact_centre__supervisor_requests'),
    ref('stg_contact_centre__resolutions'),
    ref('stg_contact_centre__complaints'),
    ref('stg_contact_centre__chat_transcripts'),
    ref('stg_contact_centre__goodwill')
]) }}

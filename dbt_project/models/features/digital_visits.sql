{{ feature_table([
    ref('stg_web_app__sessions'),
    ref('stg_web_app__page_views'),
    ref('stg_web_app__clicks'),
    ref('stg_web_app__logins')
]) }}

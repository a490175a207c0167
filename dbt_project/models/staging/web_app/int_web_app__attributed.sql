{%- set session = {
    'model': 'stg_web_app__sessions', 'key': 'session_id', 'is_unique': true, 'after_own': true, 'also': ['is_bot'],
    'shared': true,
} -%}
with {{ shared_rows('stg_web_app__sessions', ['session_id', 'is_bot', 'platform']) }}

{{ attributed('web_app', 'page_views', 'page_viewed', {
    'detail': 'funnel_step', 'session_id': 'session_id', 'duration_ms': 'duration_ms',
}, parent=session, not_about_a_person='parent.is_bot') }}
union all
{{ attributed('web_app', 'clicks', 'element_clicked', {
    'session_id': 'session_id',
}, parent=session, not_about_a_person='parent.is_bot') }}
union all
{{ attributed('web_app', 'logins', 'person_logged_in', {
    'session_id': 'session_id',
}, parent=session, not_about_a_person='parent.is_bot') }}
union all
{{ attributed('web_app', 'sessions', 'session_started', {
    'channel': 'platform', 'session_id': 'session_id',
}, shared=true) }}

{%- set invitation = {
    'model': 'stg_voice_of_customer__invitations', 'key': 'invitation_id', 'is_unique': true, 'after_own': true,
    'shared': true,
} -%}
{%- set member = {'model': 'stg_voice_of_customer__panel_members', 'key': 'panel_member_id', 'is_unique': true} -%}
with {{ shared_rows('stg_voice_of_customer__invitations', ['invitation_id', 'channel', 'survey']) }}

{{ attributed('voice_of_customer', 'invitations', 'survey_sent', {
    'channel': 'channel', 'detail': 'survey',
}, shared=true) }}
union all
{{ attributed('voice_of_customer', 'responses', 'survey_answered', {
    'detail': 'survey', 'score': 'score',
}, parent=invitation) }}
union all
{{ attributed('voice_of_customer', 'social_mentions', 'company_mentioned', {
    'channel': 'network', 'score': 'sentiment',
}) }}
union all
{{ attributed('voice_of_customer', 'panel_members', 'panel_joined') }}
union all
{{ attributed('voice_of_customer', 'panel_reports', 'panel_report_written', {
    'detail': 'topic', 'score': 'score',
}, parent=member) }}

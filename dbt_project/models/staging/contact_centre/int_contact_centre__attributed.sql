{%- set contact = {'model': 'stg_contact_centre__contacts', 'key': 'contact_id', 'is_unique': true, 'shared': true} -%}
{%- set case = {'model': 'stg_contact_centre__contacts', 'key': 'case_id', 'shared': true} -%}
{%- set own_or_case = dict(case, after_own=true) -%}
with {{ shared_rows('stg_contact_centre__contacts', ['contact_id', 'case_id', 'channel', 'reason_code', 'order_id']) }}

{{ attributed('contact_centre', 'contacts', 'contact_made', {
    'channel': 'channel', 'detail': 'reason_code', 'order_id': 'order_id', 'case_id': 'case_id',
}, shared=true) }}
union all
{{ attributed('contact_centre', 'transfers', 'contact_transferred', {
    'detail': 'to_desk', 'case_id': 'case_id',
}, parent=contact) }}
union all
{{ attributed('contact_centre', 'supervisor_requests', 'supervisor_requested', {
    'case_id': 'case_id',
}, parent=contact) }}
union all
{{ attributed('contact_centre', 'resolutions', 'case_resolved', {
    'detail': 'resolution', 'case_id': 'case_id', 'score': 'satisfaction_score',
}, parent=case) }}
union all
{{ attributed('contact_centre', 'complaints', 'complaint_made', {
    'detail': 'severity', 'case_id': 'case_id',
}, parent=own_or_case) }}
union all
{{ attributed('contact_centre', 'chat_transcripts', 'chat_message_written', {'detail': 'speaker'}, parent=contact) }}
union all
{{ attributed('contact_centre', 'goodwill', 'goodwill_granted', {
    'detail': 'kind', 'case_id': 'case_id', 'amount_cny': 'amount_cny',
}, parent=own_or_case) }}

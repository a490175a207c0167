with source as (
    {{ latest_versions('contact_centre', 'chat_transcripts') }}
)

select * from source

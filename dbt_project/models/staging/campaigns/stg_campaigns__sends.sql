with source as (
    {{ latest_versions('campaigns', 'sends') }}
),

identified as (
    select
        source.*,
        {{ person_record_id('campaigns', ['email', 'loyalty_no']) }} as person_record_id
    from source
)

select * from identified

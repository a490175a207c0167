with source as (
    {{ latest_versions('crm', 'customers') }}
),

identified as (
    select
        source.*,
        {{ keyed_person_record_id('crm', 'customers', 'crm_id') }} as person_record_id
    from source
)

select * from identified

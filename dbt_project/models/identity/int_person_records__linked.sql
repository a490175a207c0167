with records as (
    select * from {{ ref('person_records') }}
),

links as (
    {{ current_links() }}
),

linked as (
    select
        links.person_id,
        records.record_id,
        records.source,
        {% for text in person_texts() if text != 'birth_date' -%}
        {{ cleaned('records.' ~ text) }} as {{ text }},
        {% endfor -%}
        -- 1900-01-01 is what a form holds where nobody asked.
        case
            when {{ try_cast('records.birth_date', 'date') }} > cast('1900-01-01' as date)
            then {{ try_cast('records.birth_date', 'date') }}
        end as birth_date,
        records.identifiers,
        records.updated_at
    from links
    inner join records on links.record_id = records.record_id
)

select * from linked

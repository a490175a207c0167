{#- How the runner-up of an attribute reads as one text. -#}
{%- set read_as = {
    'name': "coalesce(full_name, concat_ws(' ', family_name, given_name))",
    'email': 'email',
    'phone': 'phone',
    'address': "concat_ws(', ', street, city, region, postcode)",
    'birth_date': 'cast(birth_date as ' ~ engine_type('string') ~ ')',
    'gender': 'gender',
} -%}
with linked as (
    -- Only what is read below: the engine holds these rows for all attributes, and the lists of identifiers are wide.
    select
        person_id,
        person_record_id,
        source,
        {% for attribute in read_as -%}
        {% for column in golden_inputs(attribute) -%}
        {{ column }},
        {% endfor -%}
        {% endfor -%}
        updated_at
    from {{ ref('int_person_records__linked') }}
),

{% for attribute, runner_up in read_as.items() -%}
{{ attribute }}_golden as (
    {{ golden('linked', attribute, runner_up) }}
),

{% endfor -%}
persons as (
    select
        person_id,
        {{ sorted_values('email') }} as emails,
        {{ sorted_values('phone') }} as phones
    from linked
    group by person_id
),

final as (
    select
        persons.person_id,
        {% for attribute in read_as -%}
        {% for column in golden_columns(attribute) -%}
        {{ attribute }}_golden.{{ column }},
        {% endfor -%}
        {% endfor -%}
        persons.emails,
        persons.phones
    from persons
    {% for attribute in read_as -%}
    left join {{ attribute }}_golden on persons.person_id = {{ attribute }}_golden.person_id
    {% endfor %}
)

select * from final

{#- An entity's rows as events of one shape, each with the record of the person it is about.

    `columns` fills the shape's optional columns. A row that does not itself say whom it is about (an order line)
    takes its parent's: `parent` names the model, the shared key, and whether the key is unique there; where it is
    not (the contacts of a case) the earliest row that knows somebody decides. With `after_own` the row's own words
    come first. `also` brings further columns of a unique parent, for `not_about_a_person`: the condition under which
    the row is nobody's.

    A model whose rows several events need is read once: `shared_rows` stands before the first event, the parents say
    `shared: true`, and so does the model's own event.

    `batch_id` names the landings that made the row what it is; null where too many may have. -#}
{% macro attributed(
    source_name, entity, event_type, columns={}, parent=none, not_about_a_person=none, shared=false
) %}
    {%- set model_name = 'stg_' ~ source_name ~ '__' ~ entity %}
    select
        entity.record_id as event_id,
        {% if not_about_a_person %}case when not coalesce({{ not_about_a_person }}, false) then {% endif -%}
        {%- if parent and parent.after_own -%} coalesce(entity.person_record_id, parent.person_record_id)
        {%- elif parent -%} parent.person_record_id
        {%- else -%} entity.person_record_id
        {%- endif -%}
        {%- if not_about_a_person %} end{% endif %} as person_record_id,
        '{{ source_name }}' as source,
        '{{ entity }}' as entity,
        '{{ event_type }}' as event_type,
        {% for name, data_type in event_columns().items() -%}
        cast({{ 'entity.' ~ columns[name] if name in columns else 'null' }} as {{ engine_type(data_type) }}) as {{ name }},
        {% endfor -%}
        entity.event_at,
        entity.known_at,
        {{ 'greatest(entity.landed_at, parent.landed_at)' if parent else 'entity.landed_at' }} as landed_at,
        {% if parent and not parent.is_unique %}cast(null as {{ dbt.type_string() }})
        {%- elif parent %}coalesce(entity.batch_id || '+' || parent.batch_id, entity.batch_id)
        {%- else %}entity.batch_id
        {%- endif %} as batch_id
    from {{ model_name ~ '_rows' if shared else ref(model_name) }} as entity
    {%- if parent %}
    left join (
        {{ parent_rows(parent) }}
    ) as parent
        on entity.{{ parent.key }} = parent.{{ parent.key }}
    {%- endif %}
{%- endmacro %}


{#- The rows of a staging model under a name of their own, which an engine computes once however often they are read.
    Every reading of the model itself ranks its versions and makes its tokens again (the sends of the campaigns: four
    times). -#}
{% macro shared_rows(model_name, columns) -%}
{{ model_name }}_rows as (
    select
        record_id,
        person_record_id,
        {% for column in columns -%}
        {{ column }},
        {% endfor -%}
        event_at,
        known_at,
        landed_at,
        batch_id
    from {{ ref(model_name) }}
)
{%- endmacro %}


{% macro parent_rows(parent) %}
    {%- if parent.is_unique -%}
    select {{ ([parent.key, 'person_record_id', 'landed_at', 'batch_id'] + parent.get('also', [])) | join(', ') }}
    from {{ parent.model ~ '_rows' if parent.shared else ref(parent.model) }}
    {%- else -%}
    select {{ parent.key }}, person_record_id, landed_at
    from (
        select
            {{ parent.key }},
            person_record_id,
            max(landed_at) over (partition by {{ parent.key }}) as landed_at,
            row_number() over (
                partition by {{ parent.key }}
                order by case when person_record_id is null then 1 else 0 end, event_at, record_id
            ) as place
        from {{ parent.model ~ '_rows' if parent.shared else ref(parent.model) }}
    ) as ranked
    where place = 1
    {%- endif -%}
{% endmacro %}


{#- What an event may carry besides its ids and times. Never free text, never a direct identifier. -#}
{% macro event_columns() %}
    {{ return({
        'channel': 'string', 'detail': 'string', 'order_id': 'string', 'case_id': 'string', 'session_id': 'string',
        'campaign_id': 'string', 'product_category': 'string', 'branch_id': 'string', 'amount_cny': 'double',
        'score': 'double', 'delay_minutes': 'double', 'duration_ms': 'bigint',
    }) }}
{% endmacro %}

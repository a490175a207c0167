{#- A source's views of somebody, in the shape of person_records: one row per person_record_id over the entities named.

    `columns` says which column of the source is which of person_records. Identifiers need no naming: the contract
    gives their kind. A view never changes (its id is a token of its content), so it is as old as its first row;
    a source with a key of its own for people, as crm, names the columns that date its newest version. -#}
{% macro identified(source_name, entities, columns, updated_at='first_known_at', known_at='first_known_at', where=none) %}
    {%- set texts = person_texts() -%}
    {%- set kinds = [] -%}
    {%- for entity in entities -%}
        {%- for kind in identifier_columns(source_name, entity) if kind not in kinds -%}
            {%- do kinds.append(kind) -%}
        {%- endfor -%}
    {%- endfor -%}
    with rows_of_somebody as (
        {% for entity in entities -%}
        {%- set there = source_columns(source_name, entity) -%}
        {%- set identifying = identifier_columns(source_name, entity) -%}
        select
            person_record_id as record_id,
            {{ updated_at }} as updated_at,
            {% for text in texts -%}
            {{ columns[text] if columns.get(text) in there else 'null' }} as {{ text }},
            {% endfor -%}
            {% for kind in kinds -%}
            {{ identifying.get(kind, 'null') }} as identifier_{{ kind }},
            {% endfor -%}
            {{ known_at }} as known_at
        from {{ ref('stg_' ~ source_name ~ '__' ~ entity) }}
        where person_record_id is not null{{ ' and ' ~ where if where }}
        {{ 'union all' if not loop.last }}
        {% endfor %}
    ),

    views as (
        select
            record_id,
            min(updated_at) as updated_at,
            {% for text in texts -%}
            max(cast({{ text }} as {{ dbt.type_string() }})) as {{ text }},
            {% endfor -%}
            {% for kind in kinds -%}
            max(identifier_{{ kind }}) as identifier_{{ kind }},
            {% endfor -%}
            min(known_at) as known_at
        from rows_of_somebody
        group by record_id
    )

    {%- set pairs = {} -%}
    {%- for kind in kinds -%}{%- do pairs.update({kind: 'identifier_' ~ kind}) -%}{%- endfor %}

    select
        record_id,
        cast('{{ source_name }}' as {{ dbt.type_string() }}) as source,
        updated_at,
        {% for text in texts -%}
        {{ text }},
        {% endfor -%}
        {{ identifiers(pairs) }} as identifiers,
        known_at
    from views
{%- endmacro %}


{#- The text columns of person_records, as received (design.md, section 7). -#}
{% macro person_texts() %}
    {{ return([
        'full_name', 'given_name', 'family_name', 'birth_date', 'gender', 'email', 'phone', 'national_id',
        'street', 'city', 'region', 'postcode', 'country',
    ]) }}
{% endmacro %}


{#- {kind: column} of an entity's identifiers, as its contract says; empty while dbt parses. -#}
{% macro identifier_columns(source_name, entity) %}
    {%- set found = {} -%}
    {%- set node = source_node(source_name, entity) -%}
    {%- if node -%}
        {%- for column in node.columns.values() if column.config.meta.identifier_kind -%}
            {%- do found.update({column.config.meta.identifier_kind: column.name}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

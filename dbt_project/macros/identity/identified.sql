{#- A source's views of somebody, in the shape of person_records: one row per view and row that says it (`record_id`);
    person_records makes one of them.

    `columns` says which column of the source is which of person_records. Identifiers need no naming: the contract
    gives their kind. A view never changes (its id is a token of its content) and stays, since a version that was
    corrected later was believed once; so every version is read. A source with a key of its own for people, as crm,
    is `keyed`: its newest version counts, and is dated by its own clock. -#}
{% macro identified(source_name, entities, columns, keyed=false, where=none) %}
    {%- for entity in entities %}
    {%- set existing_columns = source_columns(source_name, entity) -%}
    {%- set pairs = identifier_columns(source_name, entity) -%}
    {%- set model_name = 'stg_' ~ source_name ~ '__' ~ entity %}
    select
        person_record_id,
        record_id,
        cast('{{ source_name }}' as {{ dbt.type_string() }}) as source,
        {{ 'updated_at' if keyed else 'known_at' }} as updated_at,
        {% for text in person_texts() -%}
        cast({{ columns[text] if columns.get(text) in existing_columns else 'null' }} as {{ dbt.type_string() }}) as {{ text }},
        {% endfor -%}
        {{ identifiers(pairs) }} as identifiers,
        known_at,
        landed_at
    from {% if keyed %}{{ ref(model_name) }}{% else %}(
        {{ staged_versions(model_name) }}
    ) as versions{% endif %}
    where person_record_id is not null{{ ' and ' ~ where if where }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- The text columns of person_records, as received. -#}
{% macro person_texts() %}
    {{ return([
        'full_name', 'given_name', 'family_name', 'birth_date', 'gender', 'email', 'phone', 'national_id',
        'street', 'city', 'region', 'postcode', 'country',
    ]) }}
{% endmacro %}


{#- {kind: column} of an entity's identifiers, as its contract says; empty while dbt parses. -#}
{% macro identifier_columns(source_name, entity) %}
    {%- set columns = {} -%}
    {%- set node = source_node(source_name, entity) -%}
    {%- if node -%}
        {%- for column in node.columns.values() if column.config.meta.identifier_kind -%}
            {%- do columns.update({column.config.meta.identifier_kind: column.name}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(dict(columns.items() | sort)) }}
{% endmacro %}

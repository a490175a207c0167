{#- Renders one feature group: the whole query of a model in models/features, from the `features` declaration in its
    yml `meta`. What a feature is stands there and nowhere else; how it is computed as it was known then stands here.

    A row of a source counts for a person at snapshot T only if
      it happened before T                                  event_at < T
      this version of it was the newest one known at T      known_at <= T, and the next version is not known by T
      the identity graph of T ties it to that person        person_links.valid_from <= T < valid_to
    The last two are one interval per row, [believed_from, believed_until): the life of the version, cut to the life
    of its parent's version (for a row that names nobody itself, as a line of an order) and to the life of the link.
    So a column filled in weeks later, a late delivery or a merge learnt later cannot reach an earlier snapshot.

    Every entity is scanned once for all its measures and windows (FILTER), aggregated to person and snapshot, and only
    then joined. The bounds of windows are written into `snapshots`, so no engine's date arithmetic is involved.

    Arguments:
        staging: the staging models of the entities that the declaration names, given in the model, where dbt sees
            the lineage before it has read the yml. -#}
{% macro feature_table(staging) %}
{%- set links = source('identity', 'person_links') -%}
{%- if not execute -%}
    select 1 as parsed_before_the_declaration_is_known
{%- else -%}
{%- set group = model.config.meta.features -%}
{%- set entities = feature_entities(group, staging) -%}
with snapshots as (
    {{ feature_snapshot_rows(feature_snapshots(group), feature_windows(group, entities.values())) | indent(4) }}
),

links as (
    select
        person_record_id,
        person_id,
        valid_from,
        coalesce(valid_to, {{ feature_instant('9999-12-31T00:00:00+00:00') }}) as valid_to
    from {{ links }}
),
{% for name, entity in entities.items() %}
{{ name }}_versions as (
    {{ staged_versions(entity.model, 'believed_versions') | indent(4) }}
),
{% if entity.measures %}
{{ name }}_beliefs as (
    {{ feature_beliefs(name, entity) | indent(4) }}
),

{{ name }}_in_view as (
    {{ feature_rows_in_view(name, entity, feature_windows(group, [entity])) | indent(4) }}
),

{{ name }}_measured as (
    {{ feature_measured(name, entity, group.windows) | indent(4) }}
),
{% endif %}
{%- endfor %}
-- Once a source knows a person they have a row in every later snapshot, or Feast would serve a stale one.
records as (
    {%- for name, entity in entities.items() if not entity.parent %}
    select person_record_id, greatest(event_at, known_at) as known_from from {{ name }}_versions
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

first_known as (
    select person_record_id, min(known_from) as known_from from records group by person_record_id
),

persons as (
    select distinct
        links.person_id,
        snapshots.event_timestamp
    from first_known
    inner join links on first_known.person_record_id = links.person_record_id
    inner join snapshots
        on
            first_known.known_from <= snapshots.event_timestamp
            and links.valid_from <= snapshots.event_timestamp
            and snapshots.event_timestamp < links.valid_to
),

final as (
    select
        persons.person_id,
        persons.event_timestamp,
        persons.event_timestamp as created_timestamp
        {%- for name, entity in entities.items() if entity.measures %}
        {%- for feature in feature_columns(entity, group.windows) %},
        {% if feature.zero_if_none -%}
            coalesce({{ name }}_measured.{{ feature.name }}, 0) as {{ feature.name }}
        {%- else -%}
            {{ name }}_measured.{{ feature.name }}
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
    from persons
    {%- for name, entity in entities.items() if entity.measures %}
    left join {{ name }}_measured
        on
            persons.person_id = {{ name }}_measured.person_id
            and persons.event_timestamp = {{ name }}_measured.event_timestamp
    {%- endfor %}
)

select * from final
{%- endif -%}
{% endmacro %}


{#- The declared entities, each with the staging model that holds it. -#}
{% macro feature_entities(group, staging) %}
    {%- set entities = {} -%}
    {%- for relation in staging -%}
        {%- set name = relation.identifier.split('__')[1] -%}
        {%- if name not in group.entities -%}
            {% do exceptions.raise_compiler_error(model.name ~ ': declare the entity ' ~ name ~ ' in the yml, or do not read it') %}
        {%- endif -%}
        {%- do entities.update({name: dict(group.entities[name], model=relation.identifier)}) -%}
    {%- endfor -%}
    {%- for name in group.entities if name not in entities -%}
        {% do exceptions.raise_compiler_error(model.name ~ ': the entity ' ~ name ~ ' is declared; give its staging model') %}
    {%- endfor -%}
    {{ return(entities) }}
{% endmacro %}

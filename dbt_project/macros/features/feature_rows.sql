{#- The steps of one entity in a feature group: whose each version was believed to be, the rows in view of a snapshot,
    the aggregates. See feature_table for the rule they keep. -#}

{#- Every version, the person it was believed to be about, and from when until when. -#}
{% macro feature_beliefs(name, entity) -%}
{%- set parent = entity.parent -%}
select
    versions.*,
    {%- for column in (parent.columns or [] if parent else []) %}
    parents.{{ column }} as parent_{{ column }},
    {%- endfor %}
    {%- if parent and parent.pick %}
    parents.event_at as parent_event_at,
    parents.record_id as parent_record_id,
    {%- endif %}
    links.person_id,
    greatest(versions.known_at, {{ 'parents.known_at, ' if parent }}links.valid_from) as believed_from,
    least(versions.replaced_at, {{ 'parents.replaced_at, ' if parent }}links.valid_to) as believed_until
from {{ name }}_versions as versions
{%- if parent %}
inner join {{ parent.entity }}_versions as parents on versions.{{ parent.key }} = parents.{{ parent.key }}
{%- endif %}
inner join links on {{ 'parents' if parent else 'versions' }}.person_record_id = links.person_record_id
{%- endmacro %}


{#- The rows that a snapshot may count. Where a row can have several parents (the contacts of a case), `pick` says
    which of those known at the snapshot gives the person: the first or the latest. -#}
{% macro feature_rows_in_view(name, entity, windows) -%}
{%- set pick = entity.parent.pick if entity.parent else none -%}
select
    beliefs.*,
    snapshots.event_timestamp,
    {%- for window in windows %}
    snapshots.start_{{ window }}d,
    {%- endfor %}
    {%- for column, duration in (entity.durations or {}).items() %}
    {{ feature_duration('beliefs.' ~ duration.since, 'beliefs.' ~ duration.until, duration.unit) }} as {{ column }},
    {%- endfor %}
    {%- if pick %}
    row_number() over (
        partition by beliefs.record_id, snapshots.event_timestamp
        order by beliefs.parent_event_at {{ 'desc' if pick == 'latest' else 'asc' }}, beliefs.parent_record_id
    ) as parent_rank,
    {%- endif %}
    {{ feature_duration('beliefs.event_at', 'snapshots.event_timestamp', 'days') }} as age_days
from {{ name }}_beliefs as beliefs
inner join snapshots
    on
        beliefs.believed_from <= snapshots.event_timestamp
        and snapshots.event_timestamp < beliefs.believed_until
        and beliefs.event_at < snapshots.event_timestamp
        and beliefs.event_at >= snapshots.start_{{ windows | max }}d
{%- endmacro %}


{#- One row per person and snapshot with every feature of the entity, in one scan. -#}
{% macro feature_measured(name, entity, default_windows) -%}
{%- set conditions = [] -%}
{%- if entity.parent and entity.parent.pick %}{% do conditions.append('parent_rank = 1') %}{% endif -%}
{%- if entity.where %}{% do conditions.append('(' ~ entity.where ~ ')') %}{% endif -%}
select
    person_id,
    event_timestamp
    {%- for feature in feature_columns(entity, default_windows) %},
    {{ feature_aggregate(feature) }} as {{ feature.name }}
    {%- endfor %}
from {{ name }}_in_view
{%- if conditions %}
where {{ conditions | join(' and ') }}
{%- endif %}
group by person_id, event_timestamp
{%- endmacro %}

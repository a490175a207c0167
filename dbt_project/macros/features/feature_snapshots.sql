{#- Which moments a run computes. The first, and one on an empty table (its source failed until now): the start of the
    clock's day, and every 30 days back through what is known. Later ones: the start of the clock's day, unless the
    table has it, so that the same day twice adds nothing. -#}

{#- Datetimes (UTC), ascending. -#}
{% macro feature_snapshots(group) %}
    {%- set now = feature_scalar('select ' ~ lake_now()) -%}
    {%- set today = now.replace(hour=0, minute=0, second=0, microsecond=0) -%}
    {%- set newest = feature_scalar('select max(event_timestamp) from ' ~ this) if is_incremental() else none -%}
    {%- set moments = [] -%}
    {%- if newest is none -%}
        {%- set earliest = feature_earliest_known(group) or today -%}
        {%- for back in range([(today - earliest).days // 30, 0] | max, -1, -1) -%}
            {%- do moments.append(today - modules.datetime.timedelta(days=30 * back)) -%}
        {%- endfor -%}
    {%- elif newest < today -%}
        {%- do moments.append(today) -%}
    {%- endif -%}
    {{ return(moments) }}
{% endmacro %}


{% macro feature_earliest_known(group) %}
    {%- set firsts = [] -%}
    {%- for entity in group.entities -%}
        {%- do firsts.append('select min(known_at) as known_at from ' ~ source(group.source, entity)) -%}
    {%- endfor -%}
    {{ return(feature_scalar('select min(known_at) from (' ~ firsts | join(' union all ') ~ ') as firsts')) }}
{% endmacro %}


{#- One row per snapshot, with the start of every window. No snapshot to compute is one row that no condition admits. -#}
{% macro feature_snapshot_rows(moments, windows) -%}
{%- for moment in moments or [modules.datetime.datetime(1970, 1, 1, tzinfo=modules.pytz.utc)] %}
select
    {{ feature_instant(moment.isoformat()) }} as event_timestamp
    {%- for window in windows %},
    {{ feature_instant((moment - modules.datetime.timedelta(days=window)).isoformat()) }} as start_{{ window }}d
    {%- endfor %}
{{- '\nunion all' if not loop.last }}
{%- endfor %}
{%- if not moments %}
where false
{%- endif %}
{%- endmacro %}


{#- The one value of a query as a datetime in UTC; none where it is null. -#}
{% macro feature_scalar(query) %}
    {%- set value = run_query(query).rows[0][0] -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(value.astimezone(modules.pytz.utc) if value.tzinfo else value.replace(tzinfo=modules.pytz.utc)) }}
{% endmacro %}

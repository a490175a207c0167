{#- Which moments a run computes. The first, and one on an empty table (its source failed until now): the start of the
    clock's day, and every 30 days back through what is known. Later ones: the start of the clock's day, unless the
    table has it, so that the same day twice adds nothing. A rebuild computes the moments that the table holds again:
    nothing of the history is lost, and what is known by a moment does not change. -#}

{#- Datetimes (UTC), ascending. -#}
{% macro feature_snapshots(group) %}
    {%- set today = feature_utc(run_query('select ' ~ lake_now()).rows[0][0]).replace(
        hour=0, minute=0, second=0, microsecond=0
    ) -%}
    {%- set held = feature_moments_held() -%}
    {%- set moments = [] -%}
    {%- if not held -%}
        {%- set earliest = feature_earliest_known(group) or today -%}
        {%- for back in range([(today - earliest).days // 30, 0] | max, -1, -1) -%}
            {%- do moments.append(today - modules.datetime.timedelta(days=30 * back)) -%}
        {%- endfor -%}
    {%- else -%}
        {%- do moments.extend(held if not is_incremental() else []) -%}
        {%- if held[-1] < today -%}{%- do moments.append(today) -%}{%- endif -%}
    {%- endif -%}
    {{ return(moments) }}
{% endmacro %}


{#- The snapshots that the table has, ascending; none where there is no table yet. -#}
{% macro feature_moments_held() %}
    {%- set moments = [] -%}
    {%- set is_there = relation_is_registered(this) if target.type == 'duckdb' else load_relation(this) is not none -%}
    {%- if is_there -%}
        {%- for row in run_query('select distinct event_timestamp from ' ~ this ~ ' order by event_timestamp').rows -%}
            {%- do moments.append(feature_utc(row[0])) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(moments) }}
{% endmacro %}


{% macro feature_earliest_known(group) %}
    {%- set firsts = [] -%}
    {%- for entity in group.entities -%}
        {%- do firsts.append('select min(known_at) as known_at from ' ~ source(group.source, entity)) -%}
    {%- endfor -%}
    {%- set first = run_query('select min(known_at) from (' ~ firsts | join(' union all ') ~ ') as firsts').rows[0][0] -%}
    {{ return(none if first is none else feature_utc(first)) }}
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


{#- A datetime of the engine's, in UTC; one without a zone is in UTC already. -#}
{% macro feature_utc(value) %}
    {{ return(value.astimezone(modules.pytz.utc) if value.tzinfo else value.replace(tzinfo=modules.pytz.utc)) }}
{% endmacro %}

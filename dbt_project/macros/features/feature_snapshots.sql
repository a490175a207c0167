{#- One row per snapshot that a run computes, with the start of every window. Compiled queries call it: only dbt knows,
    when it runs a model, what the table holds and whether it is rebuilt.

    Arguments:
        source_name, entities: whose rows tell how far back the first run goes.
        windows: in days. -#}
{% macro feature_snapshots(source_name, entities, windows) -%}
{%- set moments = snapshots_to_compute(source_name, entities) -%}
{#- No snapshot to compute is one row that no condition admits. -#}
{%- for moment in moments or [modules.datetime.datetime(1970, 1, 1, tzinfo=modules.pytz.utc)] %}
    select
        {{ instant(moment.isoformat()) }} as event_timestamp
        {%- for window in windows %},
        {{ instant((moment - modules.datetime.timedelta(days=window)).isoformat()) }} as start_{{ window }}d
        {%- endfor %}
{{- '\n    union all' if not loop.last }}
{%- endfor %}
{%- if not moments %}
    where false
{%- endif %}
{%- endmacro %}


{#- Datetimes (UTC), ascending. The first run, and one on an empty table (its source failed until now): the start of the
    clock's day, and every 30 days back through what is known. A later run: the start of the clock's day, unless the
    table has it, so that the same day twice adds nothing. A rebuild computes the snapshots that the table holds again:
    nothing of the history is lost, and what is known by a snapshot does not change. -#}
{% macro snapshots_to_compute(source_name, entities) %}
    {%- set today = in_utc(run_query('select ' ~ lake_now()).rows[0][0]).replace(
        hour=0, minute=0, second=0, microsecond=0
    ) -%}
    {%- set computed = computed_snapshots() -%}
    {%- set moments = [] -%}
    {%- if not computed -%}
        {%- set earliest = earliest_known(source_name, entities) or today -%}
        {%- for back in range([(today - earliest).days // 30, 0] | max, -1, -1) -%}
            {%- do moments.append(today - modules.datetime.timedelta(days=30 * back)) -%}
        {%- endfor -%}
    {%- else -%}
        {%- do moments.extend(computed if not is_incremental() else []) -%}
        {%- if computed[-1] < today -%}{%- do moments.append(today) -%}{%- endif -%}
    {%- endif -%}
    {{ return(moments) }}
{% endmacro %}


{#- The snapshots that the table has, ascending; none where there is no table yet. -#}
{% macro computed_snapshots() %}
    {%- set moments = [] -%}
    {%- set has_table = relation_is_registered(this) if target.type == 'duckdb' else load_relation(this) is not none -%}
    {%- if has_table -%}
        {%- for row in run_query('select distinct event_timestamp from ' ~ this ~ ' order by event_timestamp').rows -%}
            {%- do moments.append(in_utc(row[0])) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(moments) }}
{% endmacro %}


{#- When the source made its first row available; none where it has none. -#}
{% macro earliest_known(source_name, entities) %}
    {%- set firsts = [] -%}
    {%- for entity in entities -%}
        {%- do firsts.append('select min(known_at) as known_at from ' ~ source(source_name, entity)) -%}
    {%- endfor -%}
    {%- set first = run_query('select min(known_at) from (' ~ firsts | join(' union all ') ~ ') as firsts').rows[0][0] -%}
    {{ return(none if first is none else in_utc(first)) }}
{% endmacro %}


{#- A datetime of the engine's, in UTC; one without a zone is in UTC already. -#}
{% macro in_utc(value) %}
    {{ return(value.astimezone(modules.pytz.utc) if value.tzinfo else value.replace(tzinfo=modules.pytz.utc)) }}
{% endmacro %}

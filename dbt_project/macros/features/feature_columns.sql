{#- From measures to columns: the features that the declaration of an entity stands for, and the aggregate of each.
    features/catalogue.py reads the same declaration for Feast; a test compares its names with the tables. -#}

{#- The features of one entity, in the order of the declaration. -#}
{% macro feature_columns(entity, default_windows) %}
    {%- set columns = [] -%}
    {%- for measure, declared in entity.measures.items() -%}
        {%- for aggregate in declared.aggregates -%}
            {%- for window in declared.windows or default_windows -%}
                {%- do columns.append({
                    'name': measure ~ '_' ~ aggregate ~ '_' ~ window ~ 'd',
                    'aggregate': aggregate,
                    'window': window,
                    'value': declared.value,
                    'where': declared.where,
                    'zero_if_none': aggregate in ('count', 'distinct', 'sum'),
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}


{#- Every window that the entities use, ascending. -#}
{% macro feature_windows(group, entities) %}
    {%- set windows = [] -%}
    {%- for entity in entities -%}
        {%- for measure in (entity.measures or {}).values() -%}
            {%- do windows.extend(measure.windows or group.windows) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(windows | unique | sort) }}
{% endmacro %}


{% macro feature_aggregate(feature) -%}
{%- set inside -%}
filter (where event_at >= start_{{ feature.window }}d{{ ' and (' ~ feature.where ~ ')' if feature.where }})
{%- endset -%}
{%- if feature.aggregate == 'count' -%}
    cast(count(*) {{ inside }} as bigint)
{%- elif feature.aggregate == 'distinct' -%}
    cast(count(distinct {{ feature.value }}) {{ inside }} as bigint)
{%- elif feature.aggregate == 'share' -%}
    avg(case when {{ feature.value }} then 1.0e0 else 0.0e0 end) {{ inside }}
{%- elif feature.aggregate == 'last' -%}
    max_by(cast({{ feature.value }} as double), {{ feature_order_key() }}) {{ inside }}
{%- elif feature.aggregate == 'stddev' -%}
    stddev_samp(cast({{ feature.value }} as double)) {{ inside }}
{%- elif feature.aggregate in ('sum', 'avg', 'min', 'max') -%}
    {{ feature.aggregate }}(cast({{ feature.value }} as double)) {{ inside }}
{%- else -%}
    {% do exceptions.raise_compiler_error(
        feature.name ~ ': aggregate should be count, distinct, sum, avg, min, max, stddev, share or last'
    ) %}
{%- endif -%}
{%- endmacro %}

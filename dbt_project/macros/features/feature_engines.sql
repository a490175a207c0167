{#- What DuckDB and Spark write differently in a feature query, and nothing else. -#}

{#- An instant out of ISO text with its offset. -#}
{% macro feature_instant(text) %}{{ return("cast('" ~ text ~ "' as " ~ engine_type('timestamp') ~ ")") }}{% endmacro %}


{#- Time from one instant to another as a double; null where either is. -#}
{% macro feature_duration(since, until, unit) %}
    {%- set microseconds = {'seconds': 1000000, 'minutes': 60000000, 'hours': 3600000000, 'days': 86400000000}[unit] -%}
    {{ return(adapter.dispatch('feature_duration')(since, until, microseconds ~ '.0e0')) }}
{% endmacro %}

{% macro default__feature_duration(since, until, unit) %}
    {{- return('(unix_micros(' ~ until ~ ') - unix_micros(' ~ since ~ ')) / ' ~ unit) -}}
{% endmacro %}

{% macro duckdb__feature_duration(since, until, unit) %}
    {{- return('(epoch_us(' ~ until ~ ') - epoch_us(' ~ since ~ ')) / ' ~ unit) -}}
{% endmacro %}


{#- What puts rows of one `event_at` in an order, so that `last` is the same on every run. -#}
{% macro feature_order_key() %}{{ return(adapter.dispatch('feature_order_key')()) }}{% endmacro %}
{% macro default__feature_order_key() %}{{ return('struct(event_at, record_id)') }}{% endmacro %}
{% macro duckdb__feature_order_key() %}{{ return('row(event_at, record_id)') }}{% endmacro %}

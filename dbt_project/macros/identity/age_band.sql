{#- Ten years of age, as `30-39`, by calendar year: a band must not tell the birthday. -#}
{% macro age_band(birth_date, moment) %}
    case
        when {{ birth_date }} is not null
        then {{ dbt.concat([
            "cast(" ~ decade(birth_date, moment) ~ " * 10 as " ~ dbt.type_string() ~ ")",
            "'-'",
            "cast(" ~ decade(birth_date, moment) ~ " * 10 + 9 as " ~ dbt.type_string() ~ ")",
        ]) }}
    end
{%- endmacro %}

{% macro decade(birth_date, moment) -%}
    cast(floor((extract(year from {{ moment }}) - extract(year from {{ birth_date }})) / 10) as bigint)
{%- endmacro %}

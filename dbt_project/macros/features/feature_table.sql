{#- The whole query of a model in models/features. It is compiled from the `features` declaration in the model's yml by
    features/compile.py and handed to dbt as the macro `compiled_<model>` (dbt_project/compiled_models.py).

    Arguments:
        staging: the staging models of the entities that the declaration names, given in the model, so that dbt sees the
            lineage when it parses, with no query compiled yet. -#}
{% macro feature_table(staging) %}
{%- set links = source('identity', 'person_links') -%}
{%- if not execute -%}
    select 1 as parsed_before_the_query_is_compiled
{%- else -%}
    {%- set compiled = 'compiled_' ~ model.name -%}
    {%- if compiled not in context -%}
        {% do exceptions.raise_compiler_error(
            model.name ~ ': no query of the model was handed over; call features.build.hand_over() before dbt'
        ) %}
    {%- endif -%}
    {{ context[compiled]() }}
{%- endif -%}
{% endmacro %}

{#- The state of every consent at one moment, as it was known at another (by default: as it is known now): one row per
    person, purpose and channel. Who asks whether a consent holds asks this; the rule itself is `person_consents`. -#}
{% macro consents_at(at, known_at=none) %}
    select person_id, purpose, channel, state
    from {{ ref('person_consents') }}
    where
        valid_from <= {{ at }}
        and (valid_to is null or valid_to > {{ at }})
        {% if known_at -%}
        and known_from <= {{ known_at }}
        and (known_to is null or known_to > {{ known_at }})
        {%- else -%}
        and known_to is null
        {%- endif %}
{%- endmacro %}

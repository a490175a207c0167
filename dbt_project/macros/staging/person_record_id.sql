{#- The id of a source's view of somebody: `<source>:person:<token of everything that identifies>`. Rows that say the
    same of somebody have the same id, in whichever entity of the source; a row that says nothing has none. -#}
{% macro person_record_id(source_name, columns) %}
    case
        when coalesce({{ columns | join(', ') }}) is not null
        then concat('{{ source_name }}:person:', {{ lake_token(identity_text(columns)) }})
    end
{%- endmacro %}


{#- The same where a source has a key of its own for people: the bronze id of the person's row, by the column that holds
    the key. What stands before the key is the contract's `Entity.record_id_prefix`. -#}
{% macro keyed_person_record_id(source_name, entity, key_column) -%}
    {%- set node = source_node(source_name, entity) -%}
    '{{ node.config.meta.record_id_prefix if node }}' || {{ key_column }}
{%- endmacro %}


{#- Named values, those that are null left out: the text does not depend on which columns an entity lacks. -#}
{% macro identity_text(columns) -%}
    concat_ws('|'{% for column in columns | sort %}, '{{ column }}=' || {{ column }}{% endfor %})
{%- endmacro %}

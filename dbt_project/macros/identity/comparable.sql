{#- Values of person records in comparable form (null where the text is no value), and whether they can be true and used.
    The matcher has its own, finer notion (identity/matching/comparable/values.py); a test holds that both agree on what is a placeholder. -#}

{#- Small letters; the addresses that people and shops type where nobody gave one are none. -#}
{% macro comparable_email(column) -%}
    case
        when not {{ matches(
            'lower(trim(' ~ column ~ '))',
            '^(test|tests|testing|tester|none|na|n[.]?a|nil|null|no|no[.]?e?mail|not[.]?given|unknown|anonymous|dummy|fake'
            ~ '|example|email|mail|abc|abcde?|asdf|qwerty|no-?reply|do-?not-?reply|noname|invalid|void|x+|a+|[0-9])@'
        ) }}
        then nullif({{ without('lower(' ~ column ~ ')', '[ <>]') }}, '')
    end
{%- endmacro %}


{% macro is_email(column) -%}
    coalesce({{ matches(column, '^[^@,;:<>()]+@([a-z0-9_-]+[.])+[a-z][a-z0-9-]*[a-z]$') }}, false)
{%- endmacro %}


{#- What of a telephone number is dialled: digits and plus signs. -#}
{% macro dialled(column) -%}
    {{ without("translate(" ~ column ~ ", '０１２３４５６７８９＋', '0123456789+')", '[^0-9+]') }}
{%- endmacro %}


{#- E.164 as far as what is dialled tells: a number without a country's code is Chinese where the record's country is.
    A repeated digit, 13800138000 and hotlines are nobody's number. `typed` is a column that holds `dialled`: an engine
    would work out an expression again for each time it stands here (measured: ten times). -#}
{% macro comparable_phone(typed, country) -%}
    {%- set is_chinese = "coalesce(upper(trim(" ~ country ~ ")), 'CN') in ('CN', 'CHN', 'CHINA', '中国')" -%}
    case
        when {{ typed }} = ''
        or replace(right({{ typed }}, 7), right({{ typed }}, 1), '') = ''
        or {{ typed }} like '%13800138000'
        or {{ matches(typed, '^([+]?86)?(400|800)[0-9]{7}$') }}
        then null
        when {{ typed }} like '+%' then {{ typed }}
        when {{ typed }} like '00%' then '+' || substr({{ typed }}, 3)
        when {{ matches(typed, '^861[3-9][0-9]{9}$') }} then '+' || {{ typed }}
        when {{ matches(typed, '^1[3-9][0-9]{9}$') }} and {{ is_chinese }} then '+86' || {{ typed }}
        when {{ typed }} like '0%' and {{ is_chinese }} then '+86' || substr({{ typed }}, 2)
        else {{ typed }}
    end
{%- endmacro %}


{#- Whether a comparable number can be dialled from anywhere. -#}
{% macro is_phone(column) -%}
    coalesce(
        {{ matches(column, '^[+]861[3-9][0-9]{9}$') }}
        or {{ matches(column, '^[+]86[2-9][0-9]{8,10}$') }}
        or ({{ matches(column, '^[+][1-9][0-9]{7,14}$') }} and {{ column }} not like '+86%'),
        false
    )
{%- endmacro %}


{#- A name without blanks and signs, in small letters; the words that stand where nobody asked are none. -#}
{% macro comparable_name(full_name, given_name, family_name) -%}
    {%- set name = "coalesce(" ~ full_name ~ ", concat_ws('', " ~ family_name ~ ", " ~ given_name ~ "))" -%}
    {%- set plain = "translate(lower(" ~ name ~ "), ' 　.,-_·*?''', '')" -%}
    case
        when {{ plain }} not in ('', 'na', 'n/a', 'nil', 'none', 'null', 'unknown', 'test', '无', '未知', '不详', '测试')
        then {{ plain }}
    end
{%- endmacro %}


{#- A birth date: ISO, or day/month/year in either order where only one order can be meant. 1900-01-01 is what a form
    holds where nobody asked; a day after the record was made is a slip. -#}
{% macro comparable_birth_date(column, not_after) -%}
    {%- set slashed = '^([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})$' -%}
    {%- set first = try_cast("regexp_extract(" ~ column ~ ", '" ~ slashed ~ "', 1)", 'int') -%}
    {%- set second = try_cast("regexp_extract(" ~ column ~ ", '" ~ slashed ~ "', 2)", 'int') -%}
    {%- set year = "regexp_extract(" ~ column ~ ", '" ~ slashed ~ "', 3)" -%}
    {%- set read -%}
    coalesce(
        {{ try_cast(column, 'date') }},
        case
            when {{ second }} <= 12 and ({{ first }} > 12 or {{ first }} = {{ second }})
            then {{ try_cast("concat_ws('-', " ~ year ~ ", " ~ second ~ ", " ~ first ~ ")", 'date') }}
            when {{ first }} <= 12 and {{ second }} > 12
            then {{ try_cast("concat_ws('-', " ~ year ~ ", " ~ first ~ ", " ~ second ~ ")", 'date') }}
        end
    )
    {%- endset -%}
    case
        when {{ read }} > cast('1900-01-01' as date)
        and ({{ not_after }} is null or {{ read }} <= cast({{ not_after }} as date))
        then {{ read }}
    end
{%- endmacro %}


{#- A gender as F or M; a word that says neither is kept in small letters, and is not valid. -#}
{% macro comparable_gender(column) -%}
    case
        when lower({{ column }}) in ('f', 'female', 'w', 'woman', '女') then 'F'
        when lower({{ column }}) in ('m', 'male', 'man', '男') then 'M'
        else lower({{ column }})
    end
{%- endmacro %}


{#- Street and city without blanks and signs, in small letters. -#}
{% macro comparable_address(street, city) -%}
    nullif(translate(lower(concat_ws('|', {{ street }}, {{ city }})), ' 　.,-#''', ''), '')
{%- endmacro %}


{#- An identifier of any kind in comparable form; `typed` holds `dialled` of a telephone number. Numbers that a company
    gives are in capitals, without blanks. -#}
{% macro comparable_identifier(kind, value, typed, country) -%}
    case
        when {{ kind }} = 'email' then {{ comparable_email(value) }}
        when {{ kind }} = 'phone' then {{ comparable_phone(typed, country) }}
        when {{ kind }} = 'social_handle' then nullif(lower(trim(leading '@' from trim({{ value }}))), '')
        when {{ kind }} in ('crm_id', 'account_id', 'loyalty_no', 'national_id')
        then nullif(upper({{ without(value, '[ -]') }}), '')
        else {{ cleaned(value) }}
    end
{%- endmacro %}

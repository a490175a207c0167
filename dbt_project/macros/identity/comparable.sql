{#- Values of person records in comparable form (null where the text is no value), and whether they can be true and used.

    Words, patterns and formats are those of contracts/comparable_values.yaml, which the matcher reads too
    (identity/matching/comparable): the runner passes them as the variable `comparable_values`. A gender, a birth date,
    and whether an e-mail address reaches a person are the same here and there, which a test shows. The golden record
    keeps an address as it is written, where the matcher takes the "+tag" away, and reads telephone numbers in SQL,
    where the matcher asks a library that Spark does not have. -#}

{#- A list of texts, for `in`. -#}
{% macro text_list(texts) -%}
    ('{{ texts | join("', '") }}')
{%- endmacro %}


{#- A text whose full-width characters are the ordinary ones. -#}
{% macro narrow(column, characters) -%}
    translate({{ column }}, '{{ characters["from"] }}', '{{ characters["to"] }}')
{%- endmacro %}


{#- An e-mail address as its holder writes it, in small letters; what people and shops type where nobody gave one is
    none. -#}
{% macro comparable_email(column) -%}
    {%- set email = var('comparable_values').email -%}
    {%- set written = without('lower(' ~ narrow(column, email.wide_characters) ~ ')', email.removed) -%}
    case
        when not {{ matches(written, '^(' ~ email.placeholders ~ ')([+][^@]*)?@') }}
        then nullif({{ written }}, '')
    end
{%- endmacro %}


{#- Whether a comparable address can reach one person: it is complete, and neither a role's nor open to everybody. -#}
{% macro is_email(column) -%}
    {%- set email = var('comparable_values').email -%}
    coalesce(
        {{ matches(column, '^' ~ email.address ~ '$') }}
        and {{ email_host(column) }} not in {{ text_list(email.disposable_hosts) }}
        and {{ email_name(column) }} <> ''
        and not {{ matches(email_name(column), '^(' ~ email.placeholders ~ '|' ~ email.roles ~ ')$') }},
        false
    )
{%- endmacro %}


{#- The host of a comparable address, by its own name where it has several. -#}
{% macro email_host(column) -%}
    {%- set hosts = ["split_part(" ~ column ~ ", '@', 2)"] -%}
    {%- for alias, meant in var('comparable_values').email.host_aliases.items() -%}
        {%- do hosts.append("replace(" ~ hosts[-1] ~ ", '" ~ alias ~ "', '" ~ meant ~ "')") -%}
    {%- endfor -%}
    {{ hosts[-1] }}
{%- endmacro %}


{#- What stands before the @ of a comparable address, without what its host does not read. -#}
{% macro email_name(column) -%}
    {%- set email = var('comparable_values').email -%}
    {%- set tagged = "split_part(" ~ column ~ ", '@', 1)" -%}
    case
        when {{ email_host(column) }} in {{ text_list(email.dotless_hosts) }}
        then replace(split_part({{ tagged }}, '+', 1), '.', '')
        when {{ email_host(column) }} in {{ text_list(email.plus_tag_hosts) }}
        then split_part({{ tagged }}, '+', 1)
        else {{ tagged }}
    end
{%- endmacro %}


{#- What of a telephone number is dialled: digits and plus signs. -#}
{% macro dialled(column) -%}
    {%- set phone = var('comparable_values').phone -%}
    {{ without(narrow(column, phone.wide_characters), phone.removed) }}
{%- endmacro %}


{#- A country as ISO 3166 alpha-2; the default where none is given or known. -#}
{% macro country_code(column) -%}
    {%- set country = var('comparable_values').country -%}
    coalesce(
        case
            {%- for code, names in country.words.items() %}
            when upper(trim({{ column }})) in {{ text_list(names) }} then '{{ code }}'
            {%- endfor %}
            when {{ matches('upper(trim(' ~ column ~ '))', '^[A-Z]{2}$') }} then upper(trim({{ column }}))
        end,
        '{{ country.default }}'
    )
{%- endmacro %}


{#- E.164 as far as it can be seen from what is dialled: a number without a country's code is Chinese where the record's
    country is. Placeholders and hotlines are nobody's number. `typed` is a column that holds `dialled`: an engine
    would work out an expression again for each time it stands here (measured: ten times). -#}
{% macro comparable_phone(typed, country) -%}
    {%- set phone = var('comparable_values').phone -%}
    {%- set is_chinese = country_code(country) ~ " = 'CN'" -%}
    case
        when {{ typed }} = ''
        or replace(right({{ typed }}, 7), right({{ typed }}, 1), '') = ''
        {%- for number in phone.placeholders %}
        or {{ typed }} like '%{{ number }}'
        {%- endfor %}
        or {{ matches(typed, '^([+]?86)?' ~ phone.chinese_hotline ~ '$') }}
        then null
        when {{ typed }} like '+%' then {{ typed }}
        when {{ typed }} like '00%' then '+' || substr({{ typed }}, 3)
        when {{ matches(typed, '^86' ~ phone.chinese_mobile ~ '$') }} then '+' || {{ typed }}
        when {{ matches(typed, '^' ~ phone.chinese_mobile ~ '$') }} and {{ is_chinese }} then '+86' || {{ typed }}
        when {{ typed }} like '0%' and {{ is_chinese }} then '+86' || substr({{ typed }}, 2)
        else {{ typed }}
    end
{%- endmacro %}


{#- Whether a comparable number can be dialled from anywhere. -#}
{% macro is_phone(column) -%}
    coalesce(
        {{ matches(column, '^[+]86' ~ var('comparable_values').phone.chinese_mobile ~ '$') }}
        or {{ matches(column, '^[+]86[2-9][0-9]{8,10}$') }}
        or ({{ matches(column, '^[+][1-9][0-9]{7,14}$') }} and {{ column }} not like '+86%'),
        false
    )
{%- endmacro %}


{#- A name without blanks and signs, in small letters; the words that stand where nobody asked are none. -#}
{% macro comparable_name(full_name, given_name, family_name) -%}
    {%- set values = var('comparable_values') -%}
    {%- set name = "coalesce(" ~ full_name ~ ", concat_ws('', " ~ family_name ~ ", " ~ given_name ~ "))" -%}
    {%- set plain = "translate(lower(" ~ name ~ "), '" ~ values.name.removed | replace("'", "''") ~ "', '')" -%}
    case
        when {{ plain }} <> '' and {{ plain }} not in {{ text_list(values.names_of_nobody) }}
        then {{ plain }}
    end
{%- endmacro %}


{#- A birth date; null where it is none, where it is what a form holds when nobody asked, and after `not_after`. A date
    with the month in figures before or behind the day is read only where one order can be meant. -#}
{% macro comparable_birth_date(column, not_after) -%}
    {%- set declared = var('comparable_values').birth_date -%}
    {%- set written = without('trim(' ~ column ~ ')', declared.time_of_day) -%}
    {%- set first = try_cast("regexp_extract(" ~ written ~ ", '" ~ declared.either_order ~ "', 1)", 'int') -%}
    {%- set second = try_cast("regexp_extract(" ~ written ~ ", '" ~ declared.either_order ~ "', 2)", 'int') -%}
    {%- set year = "regexp_extract(" ~ written ~ ", '" ~ declared.either_order ~ "', 3)" -%}
    {%- set read -%}
    coalesce(
        {{ date_of(written, declared.formats) }},
        case
            when {{ second }} <= 12 and ({{ first }} > 12 or {{ first }} = {{ second }})
            then {{ try_cast("concat_ws('-', " ~ year ~ ", " ~ second ~ ", " ~ first ~ ")", 'date') }}
            when {{ first }} <= 12 and {{ second }} > 12
            then {{ try_cast("concat_ws('-', " ~ year ~ ", " ~ first ~ ", " ~ second ~ ")", 'date') }}
        end
    )
    {%- endset -%}
    case
        when {{ read }} > cast('{{ declared.never_asked }}' as date)
        and ({{ not_after }} is null or {{ read }} <= cast({{ not_after }} as date))
        then {{ read }}
    end
{%- endmacro %}


{#- A date in the first of the formats that fits; null where none does. -#}
{% macro date_of(text, formats) %}{{ adapter.dispatch('date_of')(text, formats) }}{% endmacro %}

{% macro default__date_of(text, formats) -%}
    coalesce(
        {%- for format in formats %}
        cast(try_to_timestamp({{ text }}, '{{ format.java }}') as date){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro duckdb__date_of(text, formats) -%}
    cast(try_strptime({{ text }}, ['{{ formats | map(attribute="strptime") | join("', '") }}']) as date)
{%- endmacro %}


{#- A gender as F or M; a word that means neither is kept in small letters, and is not valid. -#}
{% macro comparable_gender(column) -%}
    case
        {%- for value, words in var('comparable_values').gender.words.items() %}
        when lower(trim({{ column }})) in {{ text_list(words) }} then '{{ value }}'
        {%- endfor %}
        else lower({{ column }})
    end
{%- endmacro %}


{#- Street and city without blanks and signs, in small letters. -#}
{% macro comparable_address(street, city) -%}
    nullif(translate(lower(concat_ws('|', {{ street }}, {{ city }})), ' 　.,-#''', ''), '')
{%- endmacro %}


{#- An identifier of any kind in comparable form; `typed` holds `dialled` of a telephone number. Numbers that a company
    gives are in capitals, without blanks; a word for "none" and one repeated character are no identifier. -#}
{% macro comparable_identifier(kind, value, typed, country) -%}
    {%- set values = var('comparable_values') -%}
    case
        when {{ kind }} = 'email' then {{ comparable_email(value) }}
        when {{ kind }} = 'phone' then {{ comparable_phone(typed, country) }}
        when upper({{ value }}) in {{ text_list(values.no_value) }}
        or length({{ value }}) < 2
        or replace({{ value }}, left({{ value }}, 1), '') = ''
        or ({{ kind }} = 'national_id' and {{ value }} in {{ text_list(values.identifier.national_id_placeholders) }})
        then null
        when {{ kind }} in {{ text_list(values.identifier.handles) }}
        then nullif(lower(trim(leading '@' from trim({{ value }}))), '')
        when {{ kind }} in {{ text_list(values.identifier.numbers) }} or {{ kind }} = 'national_id'
        then nullif(upper({{ without(value, values.identifier.removed) }}), '')
        else {{ cleaned(value) }}
    end
{%- endmacro %}

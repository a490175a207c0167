"""What a single value means: SQL and Python of e-mails, phones, ids, dates and places in comparable form.

Each function gives the SQL of one expression, so that a million values cost one pass of DuckDB; what cannot identify
anybody (a placeholder, a role, a wrong check digit) becomes null. Words, patterns and formats are those of
`contracts/comparable_values.yaml`, which the golden record reads too. Tables are made of the values in `normalise`.
"""

from collections.abc import Iterable

import phonenumbers

from contracts.comparable_values import Characters, comparable_values

_DECLARED = comparable_values()
DEFAULT_COUNTRY = _DECLARED.country.default
_STREET_WORDS = (
    "street|str|st|road|rd|avenue|ave|av|lane|ln|drive|dr|place|pl|crescent|cres|court|ct|close|cl|boulevard|blvd"
    "|square|sq|terrace|tce|parade|pde|circuit|cct|highway|hwy|apartment|appartment|apt|flat|unit|suite|room|rm|no|number"
    "|straße|strasse|rue|calle|via"
)
_CALL_CENTRE_NUMBERS = frozenset(
    (
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.UAN,
    )
)
_CHECK_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))  # GB 11643-1999


def email_sql(column: str) -> str:
    """SQL of an e-mail address in comparable form, null where it is invalid, a placeholder, a role or disposable.

    Case is folded, "mailto:" and brackets are removed, dots of gmail too, and "+tag" where the provider ignores it.
    """
    email = _DECLARED.email
    written = f"regexp_replace(lower({_narrow_sql(column, email.wide_characters)}), '{email.removed}', '', 'g')"
    host = f"split_part({written}, '@', 2)"
    for alias, meant in email.host_aliases.items():
        host = f"replace({host}, '{alias}', '{meant}')"
    tagged = f"split_part({written}, '@', 1)"
    local = f"case when {host} in {_texts(email.plus_tag_hosts)} then split_part({tagged}, '+', 1) else {tagged} end"
    local = f"case when {host} in {_texts(email.dotless_hosts)} then replace({local}, '.', '') else {local} end"
    return f"""case when regexp_full_match({written}, '{email.address}')
        and {host} not in {_texts(email.disposable_hosts)} and {local} <> ''
        and not regexp_full_match({local}, '{email.placeholders}|{email.roles}')
        then ({local}) || '@' || {host} end"""


def e164(value: str, region: str | None) -> str | None:
    """A phone number as E.164; null where no human can be reached by it (impossible, toll-free, a hotline)."""
    text = value.strip()
    text = "+" + text[2:] if text.startswith("00") else text
    try:
        number = phonenumbers.parse(text, region if region in phonenumbers.SUPPORTED_REGIONS else DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    is_whole = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not is_whole or len(str(number.national_number)) < 7 or phonenumbers.number_type(number) in _CALL_CENTRE_NUMBERS:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def dialled_sql(column: str) -> str:
    """SQL of what of a telephone number is dialled: digits and plus signs."""
    phone = _DECLARED.phone
    return f"regexp_replace({_narrow_sql(column, phone.wide_characters)}, '{phone.removed}', '', 'g')"


def chinese_mobile_sql(dialled: str, region: str) -> str:
    """SQL: whether what was dialled is a Chinese mobile number, by its country code or by the record's country."""
    mobile = f"regexp_full_match({dialled}, '((\\+|00)?86)?{_DECLARED.phone.chinese_mobile}')"
    return f"({mobile} and ({region} = 'CN' or regexp_full_match({dialled}, '(\\+|00)86.*')))"


def placeholder_phone_sql(phone: str) -> str:
    """SQL: whether an E.164 number is one that people type to get past a form (13800000000, 13800138000)."""
    numbers = _texts(f"+86{number}" for number in _DECLARED.phone.placeholders)
    return f"(replace(right({phone}, 7), right({phone}, 1), '') = '' or {phone} in {numbers})"


def country_sql(column: str) -> str:
    """SQL of a country as ISO 3166 alpha-2; the default where it is unknown."""
    upper = f"upper(trim({column}))"
    names = " ".join(f"when '{name}' then '{code}'" for name, code in _DECLARED.country.meanings.items())
    return (
        f"coalesce(case {upper} {names} else case when regexp_full_match({upper}, '[A-Z]{{2}}') then {upper} end end, "
        f"'{DEFAULT_COUNTRY}')"
    )


def national_id_sql(column: str) -> str:
    """SQL of a national id: Chinese ids of 18 (or, before 1999, 15) digits with a right check digit, other ids as
    upper-case letters and digits; null for a wrong check digit and for fillers."""
    plain = f"upper(regexp_replace({column}, '[^0-9A-Za-z]', '', 'g'))"
    long = f"(left({plain}, 6) || '19' || right({plain}, 9))"
    return f"""case
        when regexp_full_match({plain}, '[1-9][0-9]{{5}}[0-9]{{11}}[0-9X]') then case
            when {is_checked_id_sql(plain)} then {plain} end
        when regexp_full_match({plain}, '[1-9][0-9]{{14}}') and try_strptime({long}[7:14], '%Y%m%d') is not null
            then {long} || {_check_digit_sql(long)}
        when length({plain}) < 5 or replace({plain}, left({plain}, 1), '') = ''
            or {plain} in {_texts(_DECLARED.no_value)}
            or {plain} in {_texts(_DECLARED.identifier.national_id_placeholders)} then null
        else {plain} end"""


def is_checked_id_sql(value: str) -> str:
    """SQL: whether an id is a Chinese one with a birth date and a right check digit; false for null."""
    return f"""coalesce(case when regexp_full_match({value}, '[1-9][0-9]{{16}}[0-9X]')
        then try_strptime({value}[7:14], '%Y%m%d') is not null and right({value},
            1) = {_check_digit_sql(value)} end, false)"""


def _check_digit_sql(value: str) -> str:
    terms = " + ".join(f"{weight} * (ascii({value}[{place}]) - 48)" for place, weight in enumerate(_CHECK_WEIGHTS, 1))
    return f"('10X98765432')[1 + ({terms}) % 11]"


def issued_id_sql(column: str, kind: str) -> str:
    """SQL of an id that an issuer gave: trimmed; numbers of customers in upper case without spaces, social handles in
    lower case without @; null for fillers (none, 0000, a repeated character)."""
    declared = _DECLARED.identifier
    return f"""case when upper({column}) in {_texts(_DECLARED.no_value)} or length({column}) < 2
            or replace({column}, left({column}, 1), '') = '' then null
        when {kind} in {_texts(declared.numbers)}
            then upper(regexp_replace({column}, '{declared.removed}', '', 'g'))
        when {kind} in {_texts(declared.handles)} then lower(ltrim({column}, '@'))
        else {column} end"""


def birth_date_sql(column: str, not_after: str) -> str:
    """SQL of a birth date; null where it is none, before 1900-01-02 or after the record.

    "03/04/1980" is read only where one of the two numbers cannot be a month, or both are one.
    """
    declared = _DECLARED.birth_date
    written = f"regexp_replace(trim({column}), '{declared.time_of_day}', '')"
    formats = ", ".join(f"'{form.strptime}'" for form in declared.formats)
    slashed = f"regexp_extract({written}, '{declared.either_order}', ['a', 'b', 'y'])"
    first, second, year = (f"try_cast({slashed}.{part} as integer)" for part in "aby")
    parsed = f"""coalesce(
        cast(try_strptime({written}, [{formats}]) as date),
        case when {second} <= 12 and ({first} > 12 or {first} = {second}) then try_cast(printf('%04d-%02d-%02d',
            {year}, {second}, {first}) as date)
             when {first} <= 12 and {second} > 12 then try_cast(printf('%04d-%02d-%02d', {year}, {first},
                 {second}) as date) end)"""
    in_time = f"({not_after} is null or {parsed} <= cast({not_after} as date))"
    return f"case when {parsed} > date '{declared.never_asked}' and {in_time} then {parsed} end"


def gender_sql(column: str) -> str:
    """SQL of a gender as F, M or null."""
    cases = " ".join(f"when lower(trim({column})) in {_texts(w)} then '{v}'" for v, w in _DECLARED.gender.words.items())
    return f"case {cases} end"


def street_sql(column: str) -> str:
    """SQL of a street and number in comparable form: letters and digits in lower case, without the words that some
    write out, some shorten and some leave away (street, road, apartment …)."""
    words = f"regexp_replace(lower({column}), '\\b({_STREET_WORDS})\\b', '', 'g')"
    return f"coalesce({letters_sql(words)}, {letters_sql(column)})"


def letters_sql(column: str) -> str:
    """SQL of a place: letters and digits of any script in lower case, null where none is left."""
    return f"nullif(regexp_replace(lower({column}), '[^\\p{{L}}\\p{{N}}]', '', 'g'), '')"


def _narrow_sql(column: str, characters: Characters) -> str:
    """SQL of a text whose full-width characters are the ordinary ones."""
    return f"translate({column}, '{characters.written}', '{characters.meant}')"


def _texts(values: Iterable[str]) -> str:
    """SQL of a list of texts, for `in`."""
    return "('" + "', '".join(values) + "')"

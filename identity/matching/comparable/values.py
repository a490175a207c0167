"""What a single value means: SQL and Python of e-mails, phones, ids, dates and places in comparable form.

Each function gives the SQL of one expression, so that a million values cost one pass of DuckDB; what cannot identify
anybody (a placeholder, a role, a wrong check digit) becomes null. Tables are made of them in `normalise`.
"""

import phonenumbers

DEFAULT_COUNTRY = "CN"
_PLUS_TAG_HOSTS = (
    "gmail.com", "outlook.com", "hotmail.com", "live.com", "icloud.com", "me.com", "mac.com", "fastmail.com",
    "protonmail.com", "proton.me", "zoho.com", "gmx.de", "gmx.net", "yandex.com", "hey.com", "pm.me",
)  # fmt: skip
#: Anybody may read the mail of these hosts: an address there says nothing about who holds it.
_DISPOSABLE_HOSTS = (
    "mailinator.com", "guerrillamail.com", "10minutemail.com", "tempmail.com", "temp-mail.org", "yopmail.com",
    "trashmail.com", "sharklasers.com", "getnada.com", "dispostable.com", "maildrop.cc", "throwawaymail.com",
    "mohmal.com", "fakeinbox.com", "mintemail.com", "spamgourmet.com", "discard.email", "mailnesia.com",
)  # fmt: skip
_PLACEHOLDER_LOCAL_PARTS = (
    "(test|tests|testing|tester)[0-9]*|none|na|n\\.?a|nil|null|no|no\\.?e?mail|not\\.?given|unknown|anonymous|dummy|fake"
    "|example|email|mail|abc|abcd?e?|asdf|qwerty|no-?reply|do-?not-?reply|noname|invalid|void|x+|a+|[0-9]"
)
#: Addresses of a role or a desk, not of a human: shops, branches, call centres.
_ROLE_LOCAL_PARTS = (
    "info|service|services|support|admin|office|sales|contact|call-?cent(er|re)|help-?desk|hello|shop|store|kefu"
    "|customer-?service|customercare|postmaster|webmaster|reception|front-?desk|(branch|agent|desk|shop|store)[-_]?[0-9]+"
)
_NO_VALUE = (
    "",
    "NULL",
    "NONE",
    "NA",
    "N/A",
    "NIL",
    "UNKNOWN",
    "UNBEKANNT",
    "-",
    "--",
    "?",
    "TEST",
    "无",
    "未知",
    "不详",
)
_COUNTRIES = {
    name: code
    for code, names in {
        "CN": "CHINA 中国 中华人民共和国 PRC CHN", "HK": "HONG_KONG 香港", "TW": "TAIWAN 台湾", "MO": "MACAU 澳门",
        "GB": "UK UNITED_KINGDOM ENGLAND GBR", "US": "USA UNITED_STATES UNITED_STATES_OF_AMERICA",
        "AU": "AUSTRALIA AUS",
        "DE": "GERMANY DEUTSCHLAND DEU", "FR": "FRANCE FRA", "JP": "JAPAN 日本 JPN", "SG": "SINGAPORE 新加坡 SGP",
        "CA": "CANADA CAN", "IN": "INDIA IND", "KR": "KOREA SOUTH_KOREA 韩国 KOR", "MY": "MALAYSIA", "ES": "SPAIN",
        "IT": "ITALY", "NL": "NETHERLANDS", "CH": "SWITZERLAND", "AT": "AUSTRIA",
    }.items()
    for name in names.split()
}  # fmt: skip
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
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%Y年%m月%d日",
    "%d.%m.%Y",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
)


def email_sql(column: str) -> str:
    """SQL of an e-mail address in comparable form, null where it is invalid, a placeholder, a role or disposable.

    Case folds, a "mailto:" and brackets go; dots of gmail go, "+tag" goes where the provider ignores it.
    """
    plain = f"regexp_replace(lower(translate({column}, '＠．', '@.')), '^\\s*<?(mailto:)?|>?\\.?\\s*$|\\s', '', 'g')"
    host = f"replace(split_part({plain}, '@', 2), 'googlemail.com', 'gmail.com')"
    tagged = f"split_part({plain}, '@', 1)"
    local = f"case when {host} in {_PLUS_TAG_HOSTS} then split_part({tagged}, '+', 1) else {tagged} end"
    local = f"case when {host} = 'gmail.com' then replace({local}, '.', '') else {local} end"
    return f"""case when regexp_full_match({plain}, '[^@,;:<>()]+@([a-z0-9_-]+\\.)+[a-z][a-z0-9-]*[a-z]')
        and {host} not in {_DISPOSABLE_HOSTS} and {local} <> ''
        and not regexp_full_match({local}, '{_PLACEHOLDER_LOCAL_PARTS}|{_ROLE_LOCAL_PARTS}')
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


def placeholder_phone_sql(phone: str) -> str:
    """SQL: whether an E.164 number is one that people type to get past a form (13800000000, 13800138000)."""
    return f"(replace(right({phone}, 7), right({phone}, 1), '') = '' or {phone} = '+8613800138000')"


def country_sql(column: str) -> str:
    """SQL of a country as ISO 3166 alpha-2; the default where it is unknown."""
    upper = f"upper(trim({column}))"
    known = " ".join(f"when '{name.replace('_', ' ')}' then '{code}'" for name, code in _COUNTRIES.items())
    return (
        f"coalesce(case {upper} {known} else case when regexp_full_match({upper}, '[A-Z]{{2}}') then {upper} end end, "
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
        when length({plain}) < 5 or replace({plain}, left({plain}, 1), '') = '' or {plain} in {_NO_VALUE}
            or {plain} in ('123456', '1234567', '12345678', '123456789', '1234567890') then null
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
    return f"""case when upper({column}) in {_NO_VALUE} or length({column}) < 2
            or replace({column}, left({column}, 1), '') = '' then null
        when {kind} in ('crm_id', 'account_id', 'loyalty_no') then upper(regexp_replace({column}, '[\\s-]', '', 'g'))
        when {kind} = 'social_handle' then lower(ltrim({column}, '@'))
        else {column} end"""


def birth_date_sql(column: str, not_after: str) -> str:
    """SQL of a birth date; null where it is none, before 1900-01-02 or after the record.

    "03/04/1980" is read only where one of the two numbers cannot be a month, or both are one.
    """
    formats = ", ".join(f"'{form}'" for form in _DATE_FORMATS)
    slashed = f"regexp_extract(trim({column}), '^([0-9]{{1,2}})[/-]([0-9]{{1,2}})[/-]([0-9]{{4}})$', ['a', 'b', 'y'])"
    first, second, year = (f"try_cast({slashed}.{part} as integer)" for part in "aby")
    parsed = f"""coalesce(
        cast(try_strptime(trim({column}), [{formats}]) as date),
        case when {second} <= 12 and ({first} > 12 or {first} = {second}) then try_cast(printf('%04d-%02d-%02d',
            {year}, {second}, {first}) as date)
             when {first} <= 12 and {second} > 12 then try_cast(printf('%04d-%02d-%02d', {year}, {first},
                 {second}) as date) end)"""
    in_time = f"({not_after} is null or {parsed} <= cast({not_after} as date))"
    return f"case when {parsed} > date '1900-01-01' and {in_time} then {parsed} end"


def gender_sql(column: str) -> str:
    """SQL of a gender as F, M or null."""
    plain = f"lower(trim({column}))"
    return (
        f"case when {plain} in ('f', 'female', 'w', 'woman', 'weiblich', '女') then 'F' "
        f"when {plain} in ('m', 'male', 'man', 'männlich', '男') then 'M' end"
    )


def street_sql(column: str) -> str:
    """SQL of a street and number in comparable form: letters and digits in lower case, without the words that some
    write out, some shorten and some leave away (street, road, apartment …)."""
    words = f"regexp_replace(lower({column}), '\\b({_STREET_WORDS})\\b', '', 'g')"
    return f"coalesce({letters_sql(words)}, {letters_sql(column)})"


def letters_sql(column: str) -> str:
    """SQL of a place: letters and digits of any script in lower case, null where none is left."""
    return f"nullif(regexp_replace(lower({column}), '[^\\p{{L}}\\p{{N}}]', '', 'g'), '')"

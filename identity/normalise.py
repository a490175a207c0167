"""Values of person records in comparable form: what cannot identify anybody becomes null.

One pass of DuckDB over all records; only distinct names and unusual phone numbers go through Python. The result is
two tables of the scratch connection, which `rules`, `anchors` and `attach` work on:

    people    rid, record_id, source, name_id, name_key, birth, gender, email, phone, national_id, id_is_checked,
              street, city, postcode       (rid = place in the order of record_id: independent of arrival)
    holdings  rid, kind, value             (every identifier that a record holds, doubles removed)

and a list of `Name`, indexed by `name_id`. Whether records belong together is not decided here.
"""

from collections.abc import Iterable

import duckdb
import phonenumbers
import pyarrow as pa

from identity.names import Name, parse_name

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
    "CHINA": "CN", "中国": "CN", "中华人民共和国": "CN", "PRC": "CN", "CHN": "CN", "HONG KONG": "HK", "香港": "HK", "TAIWAN": "TW",
    "台湾": "TW", "MACAU": "MO", "澳门": "MO", "UK": "GB", "UNITED KINGDOM": "GB", "ENGLAND": "GB", "GBR": "GB",
    "USA": "US", "UNITED STATES": "US", "UNITED STATES OF AMERICA": "US", "AUSTRALIA": "AU", "AUS": "AU", "GERMANY": "DE",
    "DEUTSCHLAND": "DE", "DEU": "DE", "FRANCE": "FR", "FRA": "FR", "JAPAN": "JP", "日本": "JP", "JPN": "JP", "SINGAPORE": "SG",
    "SGP": "SG", "新加坡": "SG", "CANADA": "CA", "CAN": "CA", "INDIA": "IN", "IND": "IN", "KOREA": "KR", "SOUTH KOREA": "KR",
    "韩国": "KR", "MALAYSIA": "MY", "SPAIN": "ES", "ITALY": "IT", "NETHERLANDS": "NL", "SWITZERLAND": "CH", "AUSTRIA": "AT",
}  # fmt: skip
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


def normalise(con: duckdb.DuckDBPyConnection, records: pa.Table) -> list[Name]:
    """Make `people` and `holdings` from records in `identity.records.SCHEMA`; the names by `name_id`."""
    con.register("given_records", records)
    con.execute(
        "create table raw as select cast(row_number() over (order by record_id) - 1 as bigint) as rid, * from given_records"
    )
    con.unregister("given_records")
    names = _create_names(con)
    _create_contacts(con)
    _create_people(con)
    _create_holdings(con)
    con.execute("drop table raw")
    return names


def _create_names(con: duckdb.DuckDBPyConnection) -> list[Name]:
    """Table `raw_names`: rid -> name_id, for records that name somebody with a family and a given name."""
    con.execute(
        """create table spelling as
           select row_number() over (order by full_name, given_name, family_name) - 1 as spelling_id, full_name, given_name, family_name
           from (select distinct full_name, given_name, family_name from raw
                 where full_name is not null or given_name is not null or family_name is not null)"""
    )
    rows = con.sql("select full_name, given_name, family_name from spelling order by spelling_id").fetchall()
    ids: dict[Name, int] = {}
    name_of: list[int | None] = []
    for full, given, family in rows:
        name = parse_name(full, given, family)
        name_of.append(ids.setdefault(name, len(ids)) if name is not None and name.is_full else None)
    names = list(ids)
    _register(con, "spelling_name", {"spelling_id": range(len(name_of)), "name_id": name_of}, (pa.int64(), pa.int64()))
    _register(
        con, "name_keys", {"name_id": range(len(names)), "name_key": [n.key for n in names]}, (pa.int64(), pa.string())
    )
    con.execute(
        """create table raw_names as
           select rid, name_id, name_key from raw
           join spelling s on raw.full_name is not distinct from s.full_name and raw.given_name is not distinct from s.given_name
                and raw.family_name is not distinct from s.family_name
           join spelling_name using (spelling_id) join name_keys using (name_id)"""
    )
    for table in ("spelling", "spelling_name", "name_keys"):
        con.execute(f"drop table {table}")
    return names


def _create_contacts(con: duckdb.DuckDBPyConnection) -> None:
    """Table `contacts`: rid, kind, value for e-mails, phones and national ids, from their columns and the identifiers."""
    con.execute(
        """create table given as
           select rid, lower(trim(item.kind)) as kind, trim(item.value) as value, country
           from (select rid, country, unnest(identifiers) as item from raw) where item.value is not null and item.kind is not null
           union all select rid, 'email', email, country from raw where email is not null
           union all select rid, 'phone', phone, country from raw where phone is not null
           union all select rid, 'national_id', national_id, country from raw where national_id is not null"""
    )
    con.execute("create table raw_phones as select distinct value, country from given where kind = 'phone'")
    _create_phones(con)
    _create_emails(con)
    con.execute(
        f"""create table contacts as
            select distinct rid, kind, value from (
                select g.rid, g.kind, e.email as value from given g join emails e using (value) where g.kind = 'email'
                union all
                select rid, kind, {national_id_sql("value")} from given where kind = 'national_id'
                union all
                select g.rid, g.kind, p.phone from given g join phones p
                    on g.value = p.value and g.country is not distinct from p.country where g.kind = 'phone'
                union all
                select rid, kind, {issued_id_sql("value", "kind")} from given where kind not in ('email', 'phone', 'national_id')
            ) where value is not null"""
    )
    for table in ("given", "raw_phones", "phones", "emails"):
        con.execute(f"drop table {table}")


def _create_phones(con: duckdb.DuckDBPyConnection) -> None:
    """Table `phones`: value, country -> E.164. Chinese mobiles, the bulk, are recognised in SQL (a test holds both ways equal)."""
    con.execute(
        f"""create table dialled as
            select *, regexp_replace(translate(value, '０１２３４５６７８９＋', '0123456789+'), '[^0-9+]', '', 'g') as digits,
                   {country_sql("country")} as region
            from raw_phones"""
    )
    mobile = "regexp_full_match(digits, '((\\+|00)?86)?1[3-9][0-9]{9}')"
    is_chinese = f"(region = '{DEFAULT_COUNTRY}' or regexp_full_match(digits, '(\\+|00)86.*'))"
    unusual = con.sql(f"select value, country, region from dialled where not ({mobile} and {is_chinese})").fetchall()
    parsed = [e164(value, region) for value, _, region in unusual]
    _register(
        con, "unusual_phones",
        {"value": [r[0] for r in unusual], "country": [r[1] for r in unusual], "phone": parsed},
        (pa.string(), pa.string(), pa.string()),
    )  # fmt: skip
    con.execute(
        f"""create table phones as
            select value, country, phone from (
                select value, country, '+86' || right(digits, 11) as phone from dialled where {mobile} and {is_chinese}
                union all select value, country, phone from unusual_phones)
            where phone is not null and not {placeholder_phone_sql("phone")}"""
    )
    for table in ("dialled", "unusual_phones"):
        con.execute(f"drop table {table}")


def _create_people(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""create table dated as select rid, {birth_date_sql("birth_date", "updated_at")} as birth from raw where birth_date is not null"""
    )
    # A date far commoner than birthdays are is what a form fills in: it speaks neither for nor against anybody.
    con.execute(
        """create table default_dates as
           with held as (select birth, count(distinct coalesce(name_key, 'r' || rid)) as holders
                         from dated left join raw_names using (rid) where birth is not null group by birth)
           select birth from held where holders > 20 + 8 * (select avg(holders) from held)"""
    )
    # One value per record for comparisons; a record with several e-mails keeps them all in `holdings`.
    con.execute(
        f"""create table people as
            with one as (select rid, min(value) filter (kind = 'email') as email, min(value) filter (kind = 'phone') as phone,
                                min(value) filter (kind = 'national_id') as national_id from contacts group by rid)
            select raw.rid, raw.record_id, raw.source, n.name_id, n.name_key,
                   case when d.birth not in (select birth from default_dates) and strftime(d.birth, '%m-%d') <> '01-01' then d.birth end as birth,
                   {gender_sql("gender")} as gender, one.email, one.phone, one.national_id,
                   -- A checked id that contradicts the record's own birth date is borrowed or mistyped: it proves no difference.
                   {is_checked_id_sql("one.national_id")} and coalesce(strftime(d.birth, '%Y%m%d') = one.national_id[7:14], true)
                       as id_is_checked,
                   {letters_sql("street")} as street, {letters_sql("city")} as city, {letters_sql("postcode")} as postcode
            from raw left join raw_names n using (rid) left join dated d using (rid) left join one using (rid)"""
    )
    for table in ("raw_names", "dated", "default_dates"):
        con.execute(f"drop table {table}")


def _create_holdings(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("alter table contacts rename to holdings")


def _register(
    con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, Iterable[object]], types: Iterable[pa.DataType]
) -> None:
    data = pa.table({key: pa.array(values, kind) for (key, values), kind in zip(columns.items(), types, strict=True)})
    con.register("registered", data)
    con.execute(f"create table {name} as select * from registered")
    con.unregister("registered")


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


def _create_emails(con: duckdb.DuckDBPyConnection) -> None:
    """Table `emails`: value -> address. A rare host one slip away from one a hundred times as common is that one."""
    con.execute(
        f"create table emails as select value, {email_sql('value')} as email from (select distinct value from given where kind = 'email')"
    )
    con.execute(
        "create table hosts as select split_part(email, '@', 2) as host, count(*) as held from emails where email is not null group by host"
    )
    con.execute(
        """create table slips as
           select r.host, min_by(c.host, (-c.held, c.host)) as meant
           from hosts c join hosts r on r.held * 100 <= c.held and abs(length(r.host) - length(c.host)) <= 1
           where c.held >= 100 and damerau_levenshtein(r.host, c.host) = 1 group by r.host"""
    )
    con.execute(
        """update emails set email = split_part(email, '@', 1) || '@' || meant
           from slips where split_part(emails.email, '@', 2) = slips.host"""
    )
    for table in ("hosts", "slips"):
        con.execute(f"drop table {table}")


def e164(value: str, region: str | None) -> str | None:
    """A phone number as E.164; null where no human can be reached by it (impossible, toll-free, a hotline)."""
    text = value.strip()
    text = "+" + text[2:] if text.startswith("00") else text
    try:
        number = phonenumbers.parse(text, region if region in phonenumbers.SUPPORTED_REGIONS else DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or phonenumbers.number_type(number) in _CALL_CENTRE_NUMBERS:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def placeholder_phone_sql(phone: str) -> str:
    """SQL: whether an E.164 number is one that people type to get past a form (13800000000, 12345678, 13800138000)."""
    return (
        f"(replace(right({phone}, 7), right({phone}, 1), '') = '' or right({phone}, 8) in "
        f"('12345678', '23456789', '01234567', '87654321', '98765432', '00138000'))"
    )


def country_sql(column: str) -> str:
    """SQL of a country as ISO 3166 alpha-2; the default where it is unknown."""
    upper = f"upper(trim({column}))"
    known = " ".join(f"when '{name}' then '{code}'" for name, code in _COUNTRIES.items())
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
        when regexp_full_match({plain}, '[1-9][0-9]{{5}}[0-9]{{11}}[0-9X]') then case when {is_checked_id_sql(plain)} then {plain} end
        when regexp_full_match({plain}, '[1-9][0-9]{{14}}') and try_strptime({long}[7:14], '%Y%m%d') is not null
            then {long} || {_check_digit_sql(long)}
        when length({plain}) < 5 or replace({plain}, left({plain}, 1), '') = '' or {plain} in {_NO_VALUE}
            or {plain} in ('123456', '1234567', '12345678', '123456789', '1234567890') then null
        else {plain} end"""


def is_checked_id_sql(value: str) -> str:
    """SQL: whether an id is a Chinese one with a birth date and a right check digit; false for null."""
    return f"""coalesce(case when regexp_full_match({value}, '[1-9][0-9]{{16}}[0-9X]')
        then try_strptime({value}[7:14], '%Y%m%d') is not null and right({value}, 1) = {_check_digit_sql(value)} end, false)"""


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
        case when {second} <= 12 and ({first} > 12 or {first} = {second}) then try_cast(printf('%04d-%02d-%02d', {year}, {second}, {first}) as date)
             when {first} <= 12 and {second} > 12 then try_cast(printf('%04d-%02d-%02d', {year}, {first}, {second}) as date) end)"""
    return f"case when {parsed} > date '1900-01-01' and ({not_after} is null or {parsed} <= cast({not_after} as date)) then {parsed} end"


def gender_sql(column: str) -> str:
    """SQL of a gender as F, M or null."""
    plain = f"lower(trim({column}))"
    return (
        f"case when {plain} in ('f', 'female', 'w', 'woman', 'weiblich', '女') then 'F' "
        f"when {plain} in ('m', 'male', 'man', 'männlich', '男') then 'M' end"
    )


def letters_sql(column: str) -> str:
    """SQL of a place: letters and digits of any script in lower case, null where none is left."""
    return f"nullif(regexp_replace(lower({column}), '[^\\p{{L}}\\p{{N}}]', '', 'g'), '')"

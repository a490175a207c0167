"""Values of person records in comparable form: what cannot identify anybody becomes null.

One pass of DuckDB over all records; only distinct names and unusual phone numbers go through Python. The result is the
tables `PEOPLE` and `HOLDINGS`, which all later steps read. Whether records belong together is not decided here.
"""

import duckdb
import pyarrow as pa

from identity.matching.comparable.names import Name, parse_name
from identity.matching.comparable.statistics import Statistics
from identity.matching.comparable.values import (
    birth_date_sql,
    chinese_mobile_sql,
    country_sql,
    dialled_sql,
    e164,
    email_sql,
    gender_sql,
    is_checked_id_sql,
    issued_id_sql,
    letters_sql,
    national_id_sql,
    placeholder_phone_sql,
    street_sql,
)
from identity.matching.person_records import SCHEMA
from identity.matching.tables import DEFAULT_DATES, HOLDINGS, HOST_SLIPS, PEOPLE
from lake.sql.scratch import Computation, Scratch, ScratchTable

#: Kinds of identifiers that stand in columns of their own.
_COMPARED_ALONE = ("email", "phone", "national_id")
#: The person records as given, numbered.
_RAW = ScratchTable("raw", {"rid": "BIGINT", **ScratchTable.of_schema("", SCHEMA).columns})
_WRITTEN_NAMES = {"full_name": "VARCHAR", "given_name": "VARCHAR", "family_name": "VARCHAR"}
#: Distinct names as written.
_SPELLINGS = ScratchTable("spellings", {"spelling_id": "BIGINT", **_WRITTEN_NAMES})
_NAME_TEXTS = ("name_key", "given", "family", "hanzi", "hanzi_once", "pet", "pet_letters", "generation")
#: What is compared of each spelling that is a name.
_NAMES = ScratchTable(
    "names",
    {"spelling_id": "BIGINT", "is_full": "BOOLEAN", "nicknames": "BIGINT[]", "parts": "VARCHAR[]"}
    | dict.fromkeys(_NAME_TEXTS, "VARCHAR"),
)
#: The same of each record with a name or a part of one.
_NAMES_OF_RECORDS = ScratchTable("names_of_records", {"rid": "BIGINT", **_NAMES.columns})
#: Identifiers as written, from the columns and from the list of identifiers.
_WRITTEN = ScratchTable(
    "written_identifiers", {"rid": "BIGINT", "kind": "VARCHAR", "value": "VARCHAR", "country": "VARCHAR"}
)
_NUMBER = {"value": "VARCHAR", "country": "VARCHAR"}
_DIALLED = ScratchTable("dialled", {**_NUMBER, "region": "VARCHAR", "digits": "VARCHAR"})
#: Numbers that Python reads.
_UNUSUAL_PHONES = ScratchTable("unusual_phones", {**_NUMBER, "phone": "VARCHAR"})
_PHONES = ScratchTable("phones", {**_NUMBER, "phone": "VARCHAR"})
_EMAILS = ScratchTable("emails", {"value": "VARCHAR", "email": "VARCHAR"})
_HOSTS = ScratchTable("hosts", {"host": "VARCHAR", "addresses": "BIGINT"})
_BIRTHS = ScratchTable("births", {"rid": "BIGINT", "birth": "DATE"})

_NORMALISE = Computation(
    "bring values into comparable form",
    makes=(PEOPLE, HOLDINGS, DEFAULT_DATES, HOST_SLIPS),
    inner=(
        _RAW, _SPELLINGS, _NAMES, _NAMES_OF_RECORDS, _WRITTEN, _DIALLED, _UNUSUAL_PHONES, _PHONES, _EMAILS, _HOSTS,
        _BIRTHS,
    ),
)  # fmt: skip


def normalise(con: duckdb.DuckDBPyConnection, records: pa.Table, statistics: Statistics | None = None) -> None:
    """Make `PEOPLE`, `HOLDINGS`, `DEFAULT_DATES` and `HOST_SLIPS` from person records.

    Args:
        records: what `read_records` gave.
        statistics: those of an earlier resolution, which are then taken instead of counted.
    """
    with _NORMALISE.on(con) as step:
        con.register("given_records", records)
        step.make(
            _RAW, "select cast(row_number() over (order by record_id) - 1 as bigint) as rid, * from given_records"
        )
        con.unregister("given_records")
        _create_names(step)
        _create_holdings(step, statistics)
        _create_births(step, statistics)
        _create_people(step)


def _create_names(step: Scratch) -> None:
    """Make `_NAMES_OF_RECORDS`."""
    step.make(
        _SPELLINGS,
        """select row_number() over (order by full_name, given_name, family_name) - 1 as spelling_id, full_name,
                  given_name, family_name
           from (select distinct full_name, given_name, family_name from raw
                 where full_name is not null or given_name is not null or family_name is not null)""",
    )
    rows = step.connection.sql(
        "select full_name, given_name, family_name from spellings order by spelling_id"
    ).fetchall()
    step.put(_NAMES, _parsed_names([parse_name(*row) for row in rows]))
    step.make(
        _NAMES_OF_RECORDS,
        """select rid, names.* from raw
           join spellings s on raw.full_name is not distinct from s.full_name
               and raw.given_name is not distinct from s.given_name
               and raw.family_name is not distinct from s.family_name
           join names using (spelling_id)""",
    )
    step.drop(_SPELLINGS, _NAMES)


def _parsed_names(spelled: list[Name | None]) -> pa.Table:
    """The rows of `_NAMES`; a spelling that is no name has none."""
    parsed = [(number, name) for number, name in enumerate(spelled) if name is not None]
    names = [name for _, name in parsed]
    parts = [name.parts for name in names]
    texts = {
        "name_key": [name.key for name in names],
        "given": [given or None for given, _ in parts],
        "family": [family or None for _, family in parts],
        "hanzi": [name.hanzi or None for name in names],
        "hanzi_once": [name.hanzi_once or None for name in names],
        "pet": [name.pet or None for name in names],
        "pet_letters": [name.pet_letters or None for name in names],
        "generation": [name.generation or None for name in names],
    }
    others = {
        "spelling_id": pa.array([number for number, _ in parsed], pa.int64()),
        "is_full": pa.array([name.is_full for name in names], pa.bool_()),
        "nicknames": pa.array([name.nicknames or None for name in names], pa.list_(pa.int64())),
        "parts": pa.array([name.tokens if name.is_full else None for name in names], pa.list_(pa.string())),
    }
    return pa.table(others | {key: pa.array(values, pa.string()) for key, values in texts.items()})


def _create_holdings(step: Scratch, statistics: Statistics | None) -> None:
    """Make `HOLDINGS` and `HOST_SLIPS`."""
    # A kind is a word: it becomes a part of names and of SQL.
    step.make(
        _WRITTEN,
        r"""select rid, regexp_replace(lower(trim(item.kind)), '[^\pL\pN_]+', '_', 'g') as kind,
               trim(item.value) as value, country
           from (select rid, country, unnest(identifiers) as item from raw) where item.value is not null
               and item.kind is not null
           union all select rid, 'email', email, country from raw where email is not null
           union all select rid, 'phone', phone, country from raw where phone is not null
           union all select rid, 'national_id', national_id, country from raw where national_id is not null""",
    )
    _create_phones(step)
    _create_emails(step, statistics)
    step.make(
        HOLDINGS,
        f"""select distinct rid, kind, value from (
                select w.rid, w.kind, e.email as value
                from written_identifiers w join emails e using (value) where w.kind = 'email'
                union all
                select rid, kind, {national_id_sql("value")} from written_identifiers where kind = 'national_id'
                union all
                select w.rid, w.kind, p.phone from written_identifiers w join phones p
                    on w.value = p.value and w.country is not distinct from p.country where w.kind = 'phone'
                union all
                select rid, kind, {issued_id_sql("value", "kind")} from written_identifiers
                where kind not in {_COMPARED_ALONE}
            ) where value is not null""",
    )
    step.drop(_WRITTEN, _PHONES, _EMAILS)


def _create_phones(step: Scratch) -> None:
    """Make `_PHONES`: number and country -> E.164. Chinese mobiles, the bulk, need no Python (a test compares both)."""
    step.make(
        _DIALLED,
        f"""select *, {country_sql("country")} as region, {dialled_sql("value")} as digits
            from (select distinct value, country from written_identifiers where kind = 'phone')""",
    )
    is_mobile = chinese_mobile_sql("digits", "region")
    unusual = step.connection.sql(f"select value, country, region from dialled where not {is_mobile}").fetchall()
    columns = {
        "value": [value for value, _, _ in unusual],
        "country": [country for _, country, _ in unusual],
        "phone": [e164(value, region) for value, _, region in unusual],
    }
    step.put(_UNUSUAL_PHONES, pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}))
    step.make(
        _PHONES,
        f"""select value, country, phone from (
                select value, country, '+86' || right(digits, 11) as phone from dialled where {is_mobile}
                union all select value, country, phone from unusual_phones)
            where phone is not null and not {placeholder_phone_sql("phone")}""",
    )
    step.drop(_DIALLED, _UNUSUAL_PHONES)


def _create_emails(step: Scratch, statistics: Statistics | None) -> None:
    """Make `_EMAILS`: e-mail as written -> address, and `HOST_SLIPS`.

    A rare host that is one slip away from a host a hundred times as common is that host.
    """
    step.make(
        _EMAILS,
        f"""select value, {email_sql("value")} as email
            from (select distinct value from written_identifiers where kind = 'email')""",
    )
    if statistics is not None:
        step.put(HOST_SLIPS, statistics.host_slips.rename_columns(["host", "meant"]))
    else:
        step.make(
            _HOSTS,
            """select split_part(email, '@', 2) as host, count(*) as addresses
               from emails where email is not null group by host""",
        )
        step.make(
            HOST_SLIPS,
            """select rare.host, min_by(common.host, (-common.addresses, common.host)) as meant
               from hosts common join hosts rare on rare.addresses * 100 <= common.addresses
                   and abs(length(rare.host) - length(common.host)) <= 1
               where common.addresses >= 100 and damerau_levenshtein(rare.host, common.host) = 1
               group by rare.host""",
        )
    step.connection.execute(
        """update emails set email = split_part(email, '@', 1) || '@' || meant
           from host_slips where split_part(emails.email, '@', 2) = host_slips.host"""
    )
    step.drop(_HOSTS)


def _create_births(step: Scratch, statistics: Statistics | None) -> None:
    """Make `_BIRTHS` and `DEFAULT_DATES`."""
    step.make(
        _BIRTHS,
        f"select rid, {birth_date_sql('birth_date', 'updated_at')} as birth from raw where birth_date is not null",
    )
    if statistics is not None:
        step.put(DEFAULT_DATES, pa.table({"birth": statistics.default_dates["value"].cast(pa.date32())}))
        return
    # A date far commoner than birthdays are is what a form fills in: it speaks neither for nor against anybody.
    step.make(
        DEFAULT_DATES,
        """with counted as (
               select birth, count(distinct coalesce(name_key, 'r' || rid)) as holders
               from births left join names_of_records using (rid) where birth is not null group by birth)
           select birth from counted where holders > 20 + 8 * (select avg(holders) from counted)""",
    )


def _create_people(step: Scratch) -> None:
    """Make `PEOPLE`."""
    # The first of January is what a form fills in for a year that is known; of 1970 and 2000, for nothing at all.
    # One value per record for comparisons; a record with several e-mails keeps them all in `holdings`.
    step.make(
        PEOPLE,
        f"""with one as (
                select rid, min(value) filter (kind = 'email') as email, min(value) filter (kind = 'phone') as phone,
                       min(value) filter (kind = 'national_id') as national_id
                from holdings group by rid),
            identified as (
                select *, {is_checked_id_sql("national_id")} as is_checked,
                       case when {is_checked_id_sql("national_id")}
                            then cast(try_strptime(national_id[7:14], '%Y%m%d') as date) end as id_birth
                from one),
            stated as (
                select rid, case when strftime(birth, '%m-%d') <> '01-01' then birth end as birth,
                       case when birth not in (date '1970-01-01', date '2000-01-01') then year(birth) end as birth_year
                from births where birth not in (select birth from default_dates)),
            -- An id that contradicts the record's own birth date is borrowed: it proves no difference.
            sure as (
                select raw.rid, i.email, i.phone, i.national_id, s.birth, s.birth_year, i.id_birth,
                       coalesce(i.is_checked, false)
                       and coalesce(damerau_levenshtein(strftime(s.birth, '%Y%m%d'), i.national_id[7:14]) <= 1, true)
                       and coalesce(s.birth is not null or abs(s.birth_year - year(i.id_birth)) <= 1, true)
                           as id_is_checked
                from raw left join identified i using (rid) left join stated s using (rid)),
            dates as (
                select rid, coalesce(birth, case when id_is_checked then id_birth end) as birth,
                       coalesce(birth_year, case when id_is_checked then year(id_birth) end) as birth_year
                from sure),
            places as (
                select rid, {street_sql("street")} as street, {letters_sql("city")} as city,
                       {letters_sql("postcode")} as postcode from raw),
            issued as (
                select rid, list_sort(list(kind || '=' || value)) as issued from holdings
                where kind not in {_COMPARED_ALONE} group by rid),
            whole as (
                select raw.rid, raw.record_id, raw.source, n.* exclude (rid), d.birth, d.birth_year,
                       {gender_sql("raw.gender")} as gender, s.email, s.phone, s.national_id, s.id_is_checked,
                       p.street, p.city, p.postcode, i.issued,
                       -- A family name and a telephone are a household; a full name, or a birth date or an address
                       -- with what there is of a name, are somebody.
                       coalesce(n.is_full, false) or ((n.name_key is not null or s.national_id is not null)
                           and (d.birth is not null or p.street is not null)) as is_somebody
                from raw left join names_of_records n using (rid) join dates d using (rid) join sure s using (rid)
                join places p using (rid) left join issued i using (rid))
            select rid, record_id, source, is_somebody, false as is_labelled,
                   case when is_full then name_key end as name_key, given, family, hanzi, hanzi_once, pet, pet_letters,
                   nicknames, generation, parts,
                   birth, birth_year, strftime(birth, '%Y%m%d') as birth_text, gender, email, phone, national_id,
                   id_is_checked, street, nullif(regexp_extract(street, '[0-9]+'), '') as house, city, postcode, issued
            from whole""",
    )

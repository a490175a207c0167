"""Values of person records in comparable form: what cannot identify anybody becomes null.

One pass of DuckDB over all records; only distinct names and unusual phone numbers go through Python. The result is
two tables of the scratch connection, which all that follows works on:

    people      one row per record: rid, the columns of `index.PEOPLE`
                (rid = place in the order of record_id: independent of arrival)
    holdings    rid, kind, value: every identifier that a record holds, doubles removed

Whether records belong together is not decided here.
"""

from collections.abc import Iterable

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
from identity.matching.engine import put

#: Kinds of identifiers that stand in columns of their own.
_COMPARED_ALONE = ("email", "phone", "national_id")


def normalise(con: duckdb.DuckDBPyConnection, records: pa.Table, statistics: Statistics | None = None) -> None:
    """Make `people`, `holdings`, `default_dates` and `host_slips` from person records.

    Args:
        statistics: those of an earlier resolution, which are then taken instead of counted.
    """
    if statistics is not None:
        dates = statistics.default_dates
        put(con, "default_dates", pa.table({"birth": dates["value"].cast(pa.date32())}))
        put(con, "host_slips", statistics.host_slips.rename_columns(["host", "meant"]))
    con.register("given_records", records)
    con.execute(
        """create table raw as
           select cast(row_number() over (order by record_id) - 1 as bigint) as rid, * from given_records"""
    )
    con.unregister("given_records")
    _create_names(con)
    _create_contacts(con)
    _create_people(con)
    _create_holdings(con)
    con.execute("drop table raw")


def _create_names(con: duckdb.DuckDBPyConnection) -> None:
    """Table `raw_names`: rid and the parts of its name, for records with a name or a part of one."""
    con.execute(
        """create table spelling as
           select row_number() over (order by full_name, given_name, family_name) - 1 as spelling_id, full_name,
               given_name, family_name
           from (select distinct full_name, given_name, family_name from raw
                 where full_name is not null or given_name is not null or family_name is not null)"""
    )
    rows = con.sql("select full_name, given_name, family_name from spelling order by spelling_id").fetchall()
    _create_name_table(con, [parse_name(*row) for row in rows])
    con.execute(
        """create table raw_names as
           select rid, names.* from raw
           join spelling s on raw.full_name is not distinct from s.full_name and raw.given_name is not distinct
               from s.given_name
                and raw.family_name is not distinct from s.family_name
           join names using (spelling_id)"""
    )
    for table in ("spelling", "names"):
        con.execute(f"drop table {table}")


def _create_name_table(con: duckdb.DuckDBPyConnection, spelled: list[Name | None]) -> None:
    """Table `names`: what is compared of each spelling that is a name."""
    known = [(number, name) for number, name in enumerate(spelled) if name is not None]
    names = [name for _, name in known]
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
        "spelling_id": pa.array([number for number, _ in known], pa.int64()),
        "is_full": pa.array([name.is_full for name in names], pa.bool_()),
        "nicknames": pa.array([name.nicknames or None for name in names], pa.list_(pa.int64())),
        "parts": pa.array([name.tokens if name.is_full else None for name in names], pa.list_(pa.string())),
    }
    put(con, "names", pa.table(others | {key: pa.array(held, pa.string()) for key, held in texts.items()}))


def _create_contacts(con: duckdb.DuckDBPyConnection) -> None:
    """Table `contacts`: rid, kind, value of every identifier, from the columns and the list of identifiers."""
    # A kind is a word: it becomes a part of names and of SQL.
    con.execute(
        r"""create table given as
           select rid, regexp_replace(lower(trim(item.kind)), '[^\pL\pN_]+', '_', 'g') as kind,
               trim(item.value) as value, country
           from (select rid, country, unnest(identifiers) as item from raw) where item.value is not null
               and item.kind is not null
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
                select rid, kind, {issued_id_sql("value", "kind")} from given where kind not in ('email', 'phone',
                    'national_id')
            ) where value is not null"""
    )
    for table in ("given", "raw_phones", "phones", "emails"):
        con.execute(f"drop table {table}")


def _create_phones(con: duckdb.DuckDBPyConnection) -> None:
    """Table `phones`: value, country -> E.164. Chinese mobiles, the bulk, need no Python (a test compares the ways)."""
    con.execute(
        f"""create table dialled as
            select *, {country_sql("country")} as region, {dialled_sql("value")} as digits from raw_phones"""
    )
    is_mobile = chinese_mobile_sql("digits", "region")
    unusual = con.sql(f"select value, country, region from dialled where not {is_mobile}").fetchall()
    parsed = [e164(value, region) for value, _, region in unusual]
    _register(
        con, "unusual_phones",
        {"value": [r[0] for r in unusual], "country": [r[1] for r in unusual], "phone": parsed},
        (pa.string(), pa.string(), pa.string()),
    )  # fmt: skip
    con.execute(
        f"""create table phones as
            select value, country, phone from (
                select value, country, '+86' || right(digits, 11) as phone from dialled where {is_mobile}
                union all select value, country, phone from unusual_phones)
            where phone is not null and not {placeholder_phone_sql("phone")}"""
    )
    for table in ("dialled", "unusual_phones"):
        con.execute(f"drop table {table}")


def _create_people(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        f"""create table dated as
            select rid, {birth_date_sql("birth_date", "updated_at")} as birth from raw where birth_date is not null"""
    )
    # A date far commoner than birthdays are is what a form fills in: it speaks neither for nor against anybody.
    con.execute(
        """create table if not exists default_dates as
           with held as (select birth, count(distinct coalesce(name_key, 'r' || rid)) as holders
                         from dated left join raw_names using (rid) where birth is not null group by birth)
           select birth from held where holders > 20 + 8 * (select avg(holders) from held)"""
    )
    # The first of January is what a form fills in for a year that is known; of 1970 and 2000, for nothing at all.
    # One value per record for comparisons; a record with several e-mails keeps them all in `holdings`.
    con.execute(
        f"""create table people as
            with one as (
                select rid, min(value) filter (kind = 'email') as email, min(value) filter (kind = 'phone') as phone,
                       min(value) filter (kind = 'national_id') as national_id
                from contacts group by rid),
            identified as (
                select *, {is_checked_id_sql("national_id")} as is_checked,
                       case when {is_checked_id_sql("national_id")}
                            then cast(try_strptime(national_id[7:14], '%Y%m%d') as date) end as id_birth
                from one),
            stated as (
                select rid, case when strftime(birth, '%m-%d') <> '01-01' then birth end as birth,
                       case when birth not in (date '1970-01-01', date '2000-01-01') then year(birth) end as birth_year
                from dated where birth not in (select birth from default_dates)),
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
                select rid, list_sort(list(kind || '=' || value)) as issued from contacts
                where kind not in {_COMPARED_ALONE} group by rid),
            whole as (
                select raw.rid, raw.record_id, raw.source, n.* exclude (rid), d.birth, d.birth_year,
                       {gender_sql("raw.gender")} as gender, s.email, s.phone, s.national_id, s.id_is_checked,
                       p.street, p.city, p.postcode, i.issued,
                       -- A family name and a telephone are a household; a full name, or a birth date or an address
                       -- beside what there is of a name, are somebody.
                       coalesce(n.is_full, false) or ((n.name_key is not null or s.national_id is not null)
                           and (d.birth is not null or p.street is not null)) as is_somebody
                from raw left join raw_names n using (rid) join dates d using (rid) join sure s using (rid)
                join places p using (rid) left join issued i using (rid))
            select rid, record_id, source, is_somebody, false as is_labelled,
                   case when is_full then name_key end as name_key, given, family, hanzi, hanzi_once, pet, pet_letters,
                   nicknames, generation, parts,
                   birth, birth_year, strftime(birth, '%Y%m%d') as birth_text, gender, email, phone, national_id,
                   id_is_checked, street, nullif(regexp_extract(street, '[0-9]+'), '') as house, city, postcode, issued
            from whole"""
    )
    for table in ("raw_names", "dated"):
        con.execute(f"drop table {table}")


def _create_holdings(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("alter table contacts rename to holdings")


def _register(
    con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, Iterable[object]], types: Iterable[pa.DataType]
) -> None:
    data = pa.table({key: pa.array(values, kind) for (key, values), kind in zip(columns.items(), types, strict=True)})
    put(con, name, data)


def _create_emails(con: duckdb.DuckDBPyConnection) -> None:
    """Table `emails`: value -> address. A rare host one slip away from one a hundred times as common is that one."""
    con.execute(
        f"""create table emails as
            select value, {email_sql("value")} as email from (select distinct value from given where kind = 'email')"""
    )
    con.execute(
        """create table hosts as
           select split_part(email, '@', 2) as host, count(*) as held
           from emails where email is not null group by host"""
    )
    con.execute(
        """create table if not exists host_slips as
           select r.host, min_by(c.host, (-c.held, c.host)) as meant
           from hosts c join hosts r on r.held * 100 <= c.held and abs(length(r.host) - length(c.host)) <= 1
           where c.held >= 100 and damerau_levenshtein(r.host, c.host) = 1 group by r.host"""
    )
    con.execute(
        """update emails set email = split_part(email, '@', 1) || '@' || meant
           from host_slips where split_part(emails.email, '@', 2) = host_slips.host"""
    )
    con.execute("drop table hosts")

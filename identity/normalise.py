"""Values of person records in comparable form: what cannot identify anybody becomes null.

One pass of DuckDB over all records; only distinct names and unusual phone numbers go through Python. The result is
three tables of the scratch connection, which `rules`, `anchors` and `attach` work on:

    people    rid, record_id, source, name_id, name_key, birth, birth_year, gender, email, phone, national_id,
              id_is_checked, street, city, postcode
              (rid = place in the order of record_id: independent of arrival)
    holdings  rid, kind, value             (every identifier that a record holds, doubles removed)
    name_parts  name_id, part              (family and given name in Latin letters)

and a list of `Name`, indexed by `name_id`. Whether records belong together is not decided here.
"""

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from identity.names import Name, parse_name
from identity.values import (
    DEFAULT_COUNTRY,
    birth_date_sql,
    country_sql,
    e164,
    email_sql,
    gender_sql,
    is_checked_id_sql,
    issued_id_sql,
    letters_sql,
    national_id_sql,
    placeholder_phone_sql,
)


def normalise(con: duckdb.DuckDBPyConnection, records: pa.Table) -> list[Name]:
    """Make `people` and `holdings` from records in `identity.records.SCHEMA`; the names by `name_id`."""
    con.register("given_records", records)
    con.execute(
        """create table raw as
           select cast(row_number() over (order by record_id) - 1 as bigint) as rid, * from given_records"""
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
           select row_number() over (order by full_name, given_name, family_name) - 1 as spelling_id, full_name,
               given_name, family_name
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
    parts = [(number, token) for number, name in enumerate(names) for token in name.tokens]
    _register(
        con, "name_parts", {"name_id": [p[0] for p in parts], "part": [p[1] for p in parts]}, (pa.int64(), pa.string())
    )
    con.execute(
        """create table raw_names as
           select rid, name_id, name_key from raw
           join spelling s on raw.full_name is not distinct from s.full_name and raw.given_name is not distinct
               from s.given_name
                and raw.family_name is not distinct from s.family_name
           join spelling_name using (spelling_id) join name_keys using (name_id)"""
    )
    for table in ("spelling", "spelling_name", "name_keys"):
        con.execute(f"drop table {table}")
    return names


def _create_contacts(con: duckdb.DuckDBPyConnection) -> None:
    """Table `contacts`: rid, kind, value of every identifier, from the columns and the list of identifiers."""
    con.execute(
        """create table given as
           select rid, lower(trim(item.kind)) as kind, trim(item.value) as value, country
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
            select *, {country_sql("country")} as region,
                   regexp_replace(
                       translate(value, '０１２３４５６７８９＋', '0123456789+'), '[^0-9+]', '', 'g') as digits
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
        f"""create table dated as
            select rid, {birth_date_sql("birth_date", "updated_at")} as birth from raw where birth_date is not null"""
    )
    # A date far commoner than birthdays are is what a form fills in: it speaks neither for nor against anybody.
    con.execute(
        """create table default_dates as
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
                from sure)
            select raw.rid, raw.record_id, raw.source, n.name_id, n.name_key, d.birth, d.birth_year,
                   {gender_sql("raw.gender")} as gender, s.email, s.phone, s.national_id, s.id_is_checked,
                   {letters_sql("raw.street")} as street, {letters_sql("raw.city")} as city,
                   {letters_sql("raw.postcode")} as postcode
            from raw left join raw_names n using (rid) join dates d using (rid) join sure s using (rid)"""
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

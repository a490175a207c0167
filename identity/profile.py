"""One person's file, gathered for those who may see it: golden values, identifiers, journey, and why it is one person.

Reads the restricted tables (`identity/…`) beside the open marts; how it is shown is `cli/profile.py`. Golden columns
are taken as the tables have them: what stands before `<attribute>_source` is the attribute, whichever it is.
"""

from dataclasses import dataclass, field
from typing import Any

import duckdb

from identity.as_of import PERSON_LINKS
from identity.values import e164, email_sql
from lake.duck import connect
from lake.errors import LakeError
from lake.tables import scan, table_exists

PERSON_RECORDS = "identity/person_records"
PERSON_CONTACT = "identity/person_contact"
PERSON_EVENTS = "identity/person_events"
PERSON_PROFILE = "marts/person_profile"
JOURNEY_EVENTS = "marts/journey_events"
_TIMES = ("_updated_at", "_at")


class UnknownPersonError(LakeError):
    """Nobody in the lake is the person asked for."""


class AmbiguousPersonError(LakeError):
    """Several people share the value asked for."""


@dataclass(frozen=True)
class Golden:
    """A golden attribute: its values by column, where they come from and when that source last changed them."""

    attribute: str
    values: dict[str, Any]
    source: str | None
    at: Any


@dataclass(frozen=True)
class Profile:
    """One person's file. `facts`: columns of the profile that have no source of their own (counts, consents, tags)."""

    person_id: str
    golden: list[Golden] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    identifiers: dict[str, list[str]] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    journey: list[dict[str, Any]] = field(default_factory=list)
    last_events: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)


def find_person(*, person_id: str | None = None, email: str | None = None, phone: str | None = None) -> str:
    """The id of the person asked for by exactly one of the three; an old id that was merged leads to the one it is now.

    Raises:
        UnknownPersonError: nobody has it.
        AmbiguousPersonError: several people do.
    """
    if not table_exists(PERSON_LINKS):
        raise UnknownPersonError("this lake knows nobody yet", cure="fill it first: lake run")
    with connect() as con:
        if person_id is not None:
            found = _by_id(con, person_id)
            asked, cure = "id", "take an id from marts/person_profile, or look up by --email or --phone"
        elif email is not None:
            found = _by_email(con, email)
            asked, cure = "e-mail", "check its spelling; an address that many share, or a placeholder, leads to nobody"
        else:
            found = _by_phone(con, phone or "")
            asked, cure = "phone number", "give it with its country code; a number that many share leads to nobody"
    if not found:
        raise UnknownPersonError(f"nobody in this lake has that {asked}", cure=cure)
    if len(found) > 1:
        raise AmbiguousPersonError(
            f"{len(found)} people show that {asked}", cure=f"look one of them up by id: {', '.join(found[:5])}"
        )
    return found[0]


def _by_id(con: duckdb.DuckDBPyConnection, person_id: str) -> list[str]:
    """The id itself, else the person that holds most of what was its records."""
    rows = con.execute(
        f"select 1 from {scan(PERSON_LINKS)} where person_id = ? and valid_to is null limit 1", [person_id]
    ).fetchall()
    if rows:
        return [person_id]
    rows = con.execute(
        f"""select now_.person_id, count(*) as records from {scan(PERSON_LINKS)} was
                join {scan(PERSON_LINKS)} now_ using (record_id)
            where was.person_id = ? and now_.valid_to is null group by 1 order by records desc, 1 limit 1""",
        [person_id],
    ).fetchall()
    return [row[0] for row in rows]


_SHOWN = """select record_id, value from (
        select record_id, item.value as value from (select record_id, unnest(identifiers) as item from {records})
            where item.kind = '{kind}'
        union select record_id, {kind} from {records} where {kind} is not null)"""


def _by_email(con: duckdb.DuckDBPyConnection, email: str) -> list[str]:
    shown = _SHOWN.format(records=scan(PERSON_RECORDS), kind="email")
    rows = con.execute(
        f"""with asked as (select {email_sql("cast($asked as varchar)")} as email)
            select distinct person_id from ({shown}) join {scan(PERSON_LINKS)} using (record_id)
            where valid_to is null and {email_sql("value")} = (select email from asked)""",
        {"asked": email},
    ).fetchall()
    return sorted(row[0] for row in rows)


def _by_phone(con: duckdb.DuckDBPyConnection, phone: str) -> list[str]:
    asked = e164(phone, None)
    if asked is None:
        return []
    shown = _SHOWN.format(records=scan(PERSON_RECORDS), kind="phone")
    rows = con.execute(
        f"""select distinct person_id, value, country from ({shown}) join {scan(PERSON_LINKS)} using (record_id)
            join (select record_id, country from {scan(PERSON_RECORDS)}) using (record_id)
            where valid_to is null and right(regexp_replace(value, '[^0-9]', '', 'g'), 7) = ?""",
        [asked[-7:]],
    ).fetchall()
    return sorted({person for person, value, country in rows if e164(value, country) == asked})


def read_profile(person_id: str, *, last: int = 10) -> Profile:
    """The file of one person (an id from `find_person`), with the last events of the journey."""
    with connect() as con:
        golden, facts = _golden(con, person_id)
        records = _rows(
            con,
            f"""select r.record_id, r.source, l.match_kind, l.match_strength, l.valid_from, l.is_backfilled,
                    r.updated_at
                from {scan(PERSON_LINKS)} l join {scan(PERSON_RECORDS)} r using (record_id)
                where l.person_id = ? and l.valid_to is null order by r.source, l.match_strength desc, r.record_id""",
            person_id,
        )
        return Profile(
            person_id=person_id,
            golden=golden,
            facts=facts,
            identifiers=_identifiers(con, person_id),
            sources=_sources(con, person_id),
            records=records,
            journey=_journey(con, person_id),
            last_events=_last_events(con, person_id, last),
            ledger=_ledger(con, person_id),
        )


def _golden(con: duckdb.DuckDBPyConnection, person_id: str) -> tuple[list[Golden], dict[str, Any]]:
    golden: dict[str, Golden] = {}
    facts: dict[str, Any] = {}
    for table in (PERSON_CONTACT, PERSON_PROFILE):
        if not table_exists(table):
            continue
        rows = _rows(con, f"select * from {scan(table)} where person_id = ?", person_id)
        for row in rows:
            found, rest = group_golden(row)
            for item in found:
                first = golden.setdefault(item.attribute, item)
                first.values.update({name: value for name, value in item.values.items() if name not in first.values})
            facts |= rest
    return list(golden.values()), facts


def group_golden(row: dict[str, Any]) -> tuple[list[Golden], dict[str, Any]]:
    """A row as golden attributes and the rest: `<attribute>_source` closes a group of the columns before it."""
    found: list[Golden] = []
    waiting: dict[str, Any] = {}
    tokens: dict[str, Any] = {}
    for name, value in row.items():
        attribute = name.removesuffix("_source")
        if name == "person_id" or any(name == f"{item.attribute}{ending}" for item in found for ending in _TIMES):
            continue
        if name.endswith("_token"):
            tokens[name] = value
        elif attribute == name:
            waiting[name] = value
        else:
            at = next((row[attribute + ending] for ending in _TIMES if attribute + ending in row), None)
            found.append(Golden(attribute, waiting, value, at))
            waiting = {}
    return found, waiting | tokens


def _identifiers(con: duckdb.DuckDBPyConnection, person_id: str) -> dict[str, list[str]]:
    rows = con.execute(
        f"""select item.kind, list(distinct item.value order by item.value) from (
                select unnest(r.identifiers) as item from {scan(PERSON_LINKS)} l
                    join {scan(PERSON_RECORDS)} r using (record_id)
                where l.person_id = ? and l.valid_to is null)
            where item.value is not null group by item.kind order by item.kind""",
        [person_id],
    ).fetchall()
    return dict(rows)


def _sources(con: duckdb.DuckDBPyConnection, person_id: str) -> list[dict[str, Any]]:
    events = (
        f"""(select source, count(*) as events, min(event_at) as first_event_at, max(event_at) as last_event_at
             from {scan(JOURNEY_EVENTS)} where person_id = $person group by source)"""
        if table_exists(JOURNEY_EVENTS)
        else """(select null::varchar as source, 0 as events, null::timestamptz as first_event_at,
            null::timestamptz as last_event_at
                 where false)"""
    )
    return _rows(
        con,
        f"""with records as (
                select r.source, count(*) as records from {scan(PERSON_LINKS)} l
                    join {scan(PERSON_RECORDS)} r using (record_id)
                where l.person_id = $person and l.valid_to is null group by r.source)
            select source, coalesce(records, 0) as records, coalesce(events, 0) as events, first_event_at, last_event_at
            from records full join {events} using (source) order by source""",
        {"person": person_id},
    )


def _journey(con: duckdb.DuckDBPyConnection, person_id: str) -> list[dict[str, Any]]:
    if not table_exists(JOURNEY_EVENTS):
        return []
    return _rows(
        con,
        f"""select source, event_type, count(*) as events, max(event_at) as last_event_at
            from {scan(JOURNEY_EVENTS)} where person_id = ? group by all order by source, events desc, event_type""",
        person_id,
    )


def _last_events(con: duckdb.DuckDBPyConnection, person_id: str, last: int) -> list[dict[str, Any]]:
    if not table_exists(JOURNEY_EVENTS):
        return []
    return _rows(
        con,
        f"select * from {scan(JOURNEY_EVENTS)} where person_id = ? order by event_at desc, event_id limit {int(last)}",
        person_id,
    )


def _ledger(con: duckdb.DuckDBPyConnection, person_id: str) -> list[dict[str, Any]]:
    if not table_exists(PERSON_EVENTS):
        return []
    return _rows(
        con,
        f"""select event_type, person_id, other_person_id, records, event_at from {scan(PERSON_EVENTS)}
            where $person in (person_id, other_person_id) order by event_at, event_type""",
        {"person": person_id},
    )


def _rows(con: duckdb.DuckDBPyConnection, sql: str, parameters: str | dict[str, Any]) -> list[dict[str, Any]]:
    found = con.execute(sql, [parameters] if isinstance(parameters, str) else parameters)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

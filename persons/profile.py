"""One person's file, gathered for those who may see it: golden values, identifiers, journey, and why it is one person.

Reads the restricted tables (`identity/…`) as well as the open marts. Whom an id or a number leads to is `lookup`, how
a file is shown is `cli/profile.py` and `web/person`. Golden columns are taken as the tables have them: what stands
before `<attribute>_source` is the attribute, whichever it is.
"""

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import duckdb

from contracts.catalogue.tables import (
    JOURNEY_EVENTS,
    PERSON_CONTACT,
    PERSON_HOUSEHOLDS,
    PERSON_IDENTIFIERS,
    PERSON_LINKS,
    PERSON_PROFILE,
    PERSON_RECORDS,
)
from lake.sql.connections import connect
from lake.sql.rows import as_dicts
from lake.tables import list_tables, scan, table_exists
from persons.history import read_ledger
from persons.lookup import former_ids
from persons.reading import Row, rows_of

#: Suffixes of a golden attribute's columns, besides `_source`.
_ABOUT = (
    "_updated_at", "_is_valid", "_sources_count", "_decided_by",
    "_runner_up", "_runner_up_source", "_runner_up_updated_at",
)  # fmt: skip


@dataclass(frozen=True)
class RunnerUp:
    """What the next best source says otherwise."""

    value: str
    source: str
    at: Any


@dataclass(frozen=True)
class Golden:
    """A golden attribute: its values by column, where they come from and when that source last changed them.

    Attributes:
        attribute: name, email, phone, address, birth_date, gender, customer.
        is_valid: False where it stands only because nobody says better (a broken number, a first of January).
        sources_count: how many systems say the same; None where only one may say it.
        decided_by: the first criterion of the survivorship table in which it beat the runner-up; None without one.
        runner_up: None if nobody says otherwise.
    """

    attribute: str
    values: dict[str, Any]
    source: str | None
    at: Any
    is_valid: bool | None = None
    sources_count: int | None = None
    decided_by: str | None = None
    runner_up: RunnerUp | None = None


@dataclass(frozen=True)
class Profile:
    """One person's file.

    Attributes:
        facts: columns of the profile that have no source of their own (counts, consents, tags).
        identifiers: the values of each kind, each once however it was typed.
        identifier_rows: the same with kind, value, is_valid, records_count, persons_count (who else shows it), sources,
            first_seen_at, last_seen_at.
        sources: the systems that know this person: source, records, events, first_event_at, last_event_at.
        silent_sources: the other systems of the lake.
        households: household_id, kind (declared, shared_address), role, members_count, source, valid_from, valid_to
            (null: still), and `others`: person_id, full_name and role of who else lives there now.
        records: record_id, source, match_kind, match_strength (bits), valid_from, is_backfilled, updated_at.
        ledger: births, merges and splits that name this person, oldest first.
        former_ids: ids that are this person now: person_id, merged_into, event_at, newest first.
        asked_for: the id that was asked for, where it is a former one; else None.
    """

    person_id: str
    golden: list[Golden] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    identifiers: dict[str, list[str]] = field(default_factory=dict)
    identifier_rows: list[Row] = field(default_factory=list)
    sources: list[Row] = field(default_factory=list)
    silent_sources: list[str] = field(default_factory=list)
    households: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    journey: list[Row] = field(default_factory=list)
    last_events: list[Row] = field(default_factory=list)
    ledger: list[Row] = field(default_factory=list)
    former_ids: list[Row] = field(default_factory=list)
    asked_for: str | None = None


def read_profile(
    person_id: str,
    *,
    asked_for: str | None = None,
    last: int = 10,
    con: duckdb.DuckDBPyConnection | None = None,
) -> Profile:
    """The file of one person (an id from `find_person`), with the last events of the journey.

    `asked_for` is the id that `find_person` was given, if it was an id; `con` a connection to use instead of a new one.
    """
    with connect() if con is None else nullcontext(con) as con:
        golden, facts = _golden(con, person_id)
        records = as_dicts(
            con,
            f"""select r.person_record_id as record_id, r.source, l.match_kind, l.match_strength, l.valid_from,
                    l.is_backfilled, r.updated_at
                from {scan(PERSON_LINKS)} l join {scan(PERSON_RECORDS)} r using (person_record_id)
                where l.person_id = $person and l.valid_to is null
                order by r.source, l.match_strength desc, r.person_record_id""",
            {"person": person_id},
        )
        identifiers = _identifiers(con, person_id)
        journey = _journey(con, person_id)
        sources = _sources(records, journey)
        sources_of_person = {row["source"] for row in sources}
        return Profile(
            person_id=person_id,
            golden=golden,
            facts=facts,
            identifiers=_by_kind(identifiers),
            identifier_rows=identifiers,
            sources=sources,
            silent_sources=sorted({name.split("/")[1] for name in list_tables("bronze")} - sources_of_person),
            households=_households(con, person_id),
            records=records,
            journey=journey,
            last_events=_last_events(con, person_id, last),
            ledger=read_ledger(con, person_id),
            former_ids=former_ids(con, person_id),
            asked_for=asked_for if asked_for != person_id else None,
        )


def _golden(con: duckdb.DuckDBPyConnection, person_id: str) -> tuple[list[Golden], dict[str, Any]]:
    golden: dict[str, Golden] = {}
    facts: dict[str, Any] = {}
    for table in (PERSON_CONTACT, PERSON_PROFILE):
        if not table_exists(table):
            continue
        for row in as_dicts(con, f"select * from {scan(table)} where person_id = $person", {"person": person_id}):
            attributes, rest = group_golden(row)
            for item in attributes:
                first = golden.setdefault(item.attribute, item)
                first.values.update({name: value for name, value in item.values.items() if name not in first.values})
            facts |= rest
    return list(golden.values()), facts


def group_golden(row: dict[str, Any]) -> tuple[list[Golden], dict[str, Any]]:
    """A row as golden attributes and the rest: `<attribute>_source` closes a group of the columns before it."""
    attributes: list[Golden] = []
    waiting: dict[str, Any] = {}
    tokens: dict[str, Any] = {}
    used = {"person_id"}
    for name, value in row.items():
        attribute = name.removesuffix("_source")
        if name in used:
            continue
        if name.endswith("_token"):
            tokens[name] = value
        elif attribute == name:
            waiting[name] = value
        else:
            about = {ending: row[attribute + ending] for ending in _ABOUT if attribute + ending in row}
            used.update(attribute + ending for ending in about)
            attributes.append(_golden_of(attribute, values=waiting, source=value, about=about))
            waiting = {}
    return attributes, waiting | tokens


def _golden_of(attribute: str, *, values: dict[str, Any], source: str | None, about: dict[str, Any]) -> Golden:
    other = about.get("_runner_up")
    return Golden(
        attribute,
        values=values,
        source=source,
        at=about.get("_updated_at"),
        is_valid=about.get("_is_valid"),
        sources_count=about.get("_sources_count"),
        decided_by=about.get("_decided_by"),
        runner_up=None
        if other is None
        else RunnerUp(str(other), about["_runner_up_source"], about["_runner_up_updated_at"]),
    )


def _identifiers(con: duckdb.DuckDBPyConnection, person_id: str) -> list[Row]:
    """Every identifier with where and when it was seen."""
    return rows_of(
        con,
        tables=(PERSON_IDENTIFIERS,),
        sql=f"""select kind, value, is_valid, records_count, persons_count, sources, first_seen_at, last_seen_at
            from {scan(PERSON_IDENTIFIERS)} where person_id = $person order by kind, records_count desc, value""",
        parameters={"person": person_id},
    )


def _by_kind(identifiers: list[Row]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for row in identifiers:
        values.setdefault(row["kind"], []).append(row["value"])
    return values


def _households(con: duckdb.DuckDBPyConnection, person_id: str) -> list[Row]:
    """The households of a person, those that hold first, each with who else lives there now."""
    households = rows_of(
        con,
        tables=(PERSON_HOUSEHOLDS,),
        sql=f"""select household_id, kind, role, members_count, source, valid_from, valid_to
            from {scan(PERSON_HOUSEHOLDS)} where person_id = $person
            order by valid_to is not null, kind, valid_from desc, household_id""",
        parameters={"person": person_id},
    )
    if not households:
        return []
    others = as_dicts(
        con,
        f"""with them as (
                select distinct household_id, person_id, role from {scan(PERSON_HOUSEHOLDS)}
                where household_id in (select unnest($homes)) and person_id <> $person and valid_to is null)
            select them.*, c.full_name from them left join {scan(PERSON_CONTACT)} c using (person_id) order by all""",
        {"person": person_id, "homes": [row["household_id"] for row in households]},
    )
    names = ("person_id", "full_name", "role")
    return [
        row | {"others": [{n: o[n] for n in names} for o in others if o["household_id"] == row["household_id"]]}
        for row in households
    ]


def _sources(records: list[Row], journey: list[Row]) -> list[Row]:
    """What each system knows, of what has been read: its records, its events and when they began and ended."""
    records_of = Counter(record["source"] for record in records)
    sources = []
    for source in sorted({*records_of, *(line["source"] for line in journey)}):
        lines = [line for line in journey if line["source"] == source]
        sources.append(
            {
                "source": source,
                "records": records_of[source],
                "events": sum(line["events"] for line in lines),
                "first_event_at": min((line["first_event_at"] for line in lines), default=None),
                "last_event_at": max((line["last_event_at"] for line in lines), default=None),
            }
        )
    return sources


def _journey(con: duckdb.DuckDBPyConnection, person_id: str) -> list[Row]:
    return rows_of(
        con,
        tables=(JOURNEY_EVENTS,),
        sql=f"""select source, event_type, count(*) as events, min(event_at) as first_event_at,
                max(event_at) as last_event_at
            from {scan(JOURNEY_EVENTS)} where person_id = $person
            group by all order by source, events desc, event_type""",
        parameters={"person": person_id},
    )


def _last_events(con: duckdb.DuckDBPyConnection, person_id: str, last: int) -> list[Row]:
    return rows_of(
        con,
        tables=(JOURNEY_EVENTS,),
        sql=f"""select * from {scan(JOURNEY_EVENTS)} where person_id = $person
            order by event_at desc, event_id limit {int(last)}""",
        parameters={"person": person_id},
    )

"""A small lake made by hand for the tests of features: bronze rows of every entity, and who is who.

Rows are drawn from the contracts (types, allowed values, ranges), so a new entity is in it without a change. Twelve
persons over 400 days; one row in five comes weeks late, one in five is corrected later (its values, at times its own
time). Person ids stand in every identifying column, so a row's person is known without the identity step.
"""

import random
import re
import zlib
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pyarrow as pa

from contracts.contract_file import Column, Entity, load_contracts
from contracts.settings import PROJECT_ROOT
from lake.sql.tokens import token
from lake.writer import append

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAYS = 400
PERSONS = [f"p{number:02d}" for number in range(12)]
#: These two are one person from `MERGED_AT` on; before, the lake holds them for two.
MERGED = ("p10", "p11")
MERGED_AT = NOW - timedelta(days=45)
#: Entities whose rows name nobody point to a row of another entity.
_PARENTS = {
    "order_lines": "orders", "payments": "orders", "returns": "orders",
    "transfers": "contacts", "supervisor_requests": "contacts", "chat_transcripts": "contacts",
    "resolutions": "contacts", "claim_steps": "claims", "panel_reports": "panel_members",
}  # fmt: skip
_BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)

Row = dict[str, Any]


def make(rows_per_person: int = 12, seed: int = 1) -> dict[tuple[str, str], list[Row]]:
    """Write bronze and identity/person_links of LAKE_HOME; returns every row version by (source, entity)."""
    draw = random.Random(seed)
    rows: dict[tuple[str, str], list[Row]] = {}
    links: dict[str, str] = {}
    for contract in load_contracts():
        for entity in contract.entities.values():
            made = _rows(draw, entity, rows, rows_per_person)
            rows[contract.source, entity.name] = made
            append(entity.table, pa.Table.from_pylist([_landed(r) for r in made], schema=entity.bronze_schema()))
            for row in made:
                if row["_record"] is not None:
                    links[row["_record"]] = row["_person"]
    write_links(links)
    return rows


def write_links(links: dict[str, str]) -> None:
    """person_links as identity writes them: history by `valid_from`, `valid_to`; the merge learnt at MERGED_AT."""
    kept, absorbed = MERGED
    made = []
    for record, person in links.items():
        if person == absorbed:
            made.append(_link(record, absorbed, _BEGINNING, MERGED_AT))
            made.append(_link(record, kept, MERGED_AT, None))
        else:
            made.append(_link(record, person, _BEGINNING, None))
    instant = pa.timestamp("us", "UTC")
    schema = pa.schema(
        [
            ("person_record_id", pa.string()), ("person_id", pa.string()), ("match_kind", pa.string()),
            ("match_strength", pa.float64()), ("valid_from", instant), ("valid_to", instant),
            ("is_backfilled", pa.bool_()),
        ]
    )  # fmt: skip
    append("identity/person_links", pa.Table.from_pylist(made, schema=schema))


def _link(record: str, person: str, since: datetime, until: datetime | None) -> Row:
    return {
        "person_record_id": record, "person_id": person, "match_kind": "same_account", "match_strength": 1.0,
        "valid_from": since, "valid_to": until, "is_backfilled": since == _BEGINNING,
    }  # fmt: skip


def record_of(entity: Entity, row: Row) -> str | None:
    """The person_record of a row, derived as staging says; None where the row names nobody."""
    if entity.source == "crm":
        return f"crm:customers:{row['crm_id']}"
    named = [f"{name}={row[name]}" for name in _identity_columns(entity) if row[name] is not None]
    return f"{entity.source}:person:{token('|'.join(named))}" if named else None


@cache
def _identity_columns(entity: Entity) -> list[str]:
    """Which columns a staging model makes its person_record_id of, sorted; none where it has no such id."""
    folder = PROJECT_ROOT / "dbt_project" / "models" / "staging" / entity.source
    model = (folder / f"stg_{entity.source}__{entity.name}.sql").read_text(encoding="utf-8")
    found = re.search(r"person_record_id\('\w+', \[(.*?)\]\)", model, re.DOTALL)
    return sorted(re.findall(r"'(\w+)'", found.group(1))) if found else []


def _rows(draw: random.Random, entity: Entity, rows: dict[tuple[str, str], list[Row]], per_person: int) -> list[Row]:
    parents = rows.get((entity.source, _PARENTS.get(entity.name, "")), [])
    made: list[Row] = []
    for number in range(len(PERSONS) * per_person):
        parent = draw.choice(parents) if parents else None
        person = parent["_person"] if parent else PERSONS[number % len(PERSONS)]
        event_at = NOW - timedelta(minutes=draw.randrange(DAYS * 24 * 60))
        lag = timedelta(days=draw.uniform(15, 60)) if draw.random() < 0.2 else timedelta(hours=draw.uniform(0, 20))
        row = _draw_row(draw, entity, number, person, event_at, parent)
        made.append(_version(entity, row, event_at + lag, 0, parent))
        if draw.random() < 0.2:
            moved = event_at + timedelta(days=draw.choice([0, 0, 12]))
            corrected = _draw_row(draw, entity, number, person, moved, parent)
            known_at = max(event_at + lag, moved) + timedelta(days=draw.uniform(1, 90))
            made.append(_version(entity, corrected, known_at, 1, parent))
    return [row for row in made if row["known_at"] <= NOW]


def _version(entity: Entity, row: Row, known_at: datetime, version: int, parent: Row | None) -> Row:
    return row | {
        "delivered_at": known_at,
        "updated_at": known_at,
        "known_at": known_at,
        "landed_at": NOW,
        "batch_id": f"{version}",
        "source_file": "small_bronze",
        "content_hash": zlib.crc32(f"{row['record_id']}:{version}".encode()),
        "_record": None if parent else record_of(entity, row),
    }


def _draw_row(
    draw: random.Random, entity: Entity, number: int, person: str, event_at: datetime, parent: Row | None
) -> Row:
    row: Row = {column.name: _value(draw, column, person, event_at) for column in entity.columns}
    key = entity.primary_key[0]
    row[key] = f"{person}:crm" if key == "crm_id" else f"{entity.name}-{number}"
    # A case has several contacts; a device stays what it is, through all its registrations and readings.
    if "device_serial" in row:
        row["kind"] = "wearable" if PERSONS.index(person) % 2 else "vehicle"
    if "case_id" in row:
        row["case_id"] = f"case-{person}-{number // len(PERSONS) % 4}"
    for shared in [name for name in row if parent and name in parent and name.endswith("_id") and name != key]:
        row[shared] = parent[shared] if parent else None
    row |= {"event_at": event_at, "_person": person, "record_id": f"{entity.source}:{entity.name}:{row[key]}"}
    return row


def _value(draw: random.Random, column: Column, person: str, event_at: datetime) -> Any:
    if column.identifier_kind or column.classification in ("pii_direct", "pii_quasi", "pii_online"):
        return f"{person}:{column.identifier_kind or column.name}" if column.logical_type == "string" else None
    if not column.required and draw.random() < 0.3:
        return None
    if column.allowed:
        return draw.choice(column.allowed)
    match column.logical_type:
        case "integer":
            return draw.randint(int(column.minimum or 0), min(int(column.maximum or 2000), 2000))
        case "number":
            return round(draw.uniform(column.minimum if column.minimum is not None else -50, 2000), 2)
        case "boolean":
            return draw.random() < 0.6
        case "timestamp":
            return event_at + timedelta(hours=draw.uniform(0, 72))
        case "date":
            return event_at.date()
        case _:
            return draw.choice(["a", "b", "c"])


def _landed(row: Row) -> Row:
    return {name: value for name, value in row.items() if not name.startswith("_")}

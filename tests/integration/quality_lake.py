"""A small lake for the tests of quality: bronze of every entity, persons, marts and features, all as promised.

`make` writes it clean; `plant` breaks one promise after another and says which. Values planted are in `PLANTED`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from contracts.catalogue.lookup import schema_of
from contracts.contract_file import Entity, load_contract, load_contracts
from lake.sql.connections import connect
from lake.tables import scan
from lake.writer import overwrite
from tests.contract_rows import NOW, Row, make_rows
from tests.declared_tables import leave_table

#: Values of persons that no result, log or page may hold.
PLANTED = ("planted.person@example.com", "Planted Personname", "+86 139 1234 5678", "1 Planted Street")
INSTANT = pa.timestamp("us", "UTC")
PERSONS = [f"person-{number}" for number in range(12)]
#: Entities that deliver enough a day to have a habit of volume.
BUSY = ("devices", "readings")
#: Table, column and name of a check.
Promise = tuple[str, str | None, str]


def make() -> None:
    """Write every table, newest rows from yesterday."""
    for contract in load_contracts():
        for entity in contract.entities.values():
            write_bronze(entity, bronze_rows(entity))
    early = datetime(1900, 1, 1, tzinfo=UTC)
    records = [f"crm:customers:C{number:07d}" for number in range(len(PERSONS) + 3)]
    owners = [PERSONS[number % len(PERSONS)] for number in range(len(records))]
    write(
        "identity/person_records",
        [
            {"person_record_id": r, "source": "crm", "updated_at": NOW - timedelta(days=3), "full_name": PLANTED[1]}
            for r in records
        ],
    )
    write(
        "identity/person_links",
        [
            {"person_record_id": r, "person_id": p, "match_kind": "same_crm_id", "match_strength": 1.0,
             "valid_from": early, "valid_to": None, "is_backfilled": True}
            for r, p in zip(records, owners, strict=True)
        ],
    )  # fmt: skip
    write(
        "identity/person_events",
        [{"event_id": f"birth-{p}", "event_type": "birth", "person_id": p, "event_at": early} for p in PERSONS],
    )
    write(
        "identity/person_contact",
        [{"person_id": p, "full_name": PLANTED[1], "street": PLANTED[3], "email": PLANTED[0], "phone": PLANTED[2]}
         for p in PERSONS],
    )  # fmt: skip
    write(
        "identity/person_identifiers",
        [{"person_id": p, "kind": "email", "value": PLANTED[0], "is_valid": True, "persons_count": len(PERSONS),
          "sources": ["crm"], "first_seen_at": early, "last_seen_at": NOW} for p in PERSONS],
    )  # fmt: skip
    write("marts/person_profile", [{"person_id": p, "tier": "gold", "tags": ["vip"]} for p in PERSONS])
    write(
        "marts/person_households",
        [{"person_id": p, "household_id": "H1", "kind": "declared", "source": "crm", "members_count": len(PERSONS),
          "valid_from": early, "valid_to": None} for p in PERSONS],
    )  # fmt: skip
    write(
        "marts/person_consents",
        [{"person_id": p, "purpose": "service", "channel": "any", "consent_record_id": "crm:consents:1",
          "state": "granted", "valid_from": early, "known_from": early,
          "declared_from": early} for p in PERSONS],
    )  # fmt: skip
    write("marts/journey_events", [_event(number) for number in range(40)])
    write(
        "marts/unresolved_records",
        [{"record_id": "web_app:page_views:39", "source": "web_app", "entity": "page_views", "reason": "names_nobody"}],
    )
    write("features/purchases", [_snapshot(person) for person in PERSONS])


def plant() -> dict[Promise, str]:
    """Break promises, one to a place; returns each with its severity. What breaks two says so twice."""
    broken: dict[Promise, str] = {}
    for table, damage, promises in _DAMAGE:
        write(table, damage(read(table)))
        broken |= promises
    voice = load_contract("voice_of_customer")
    for entity in voice.entities.values():
        write_bronze(entity, [row for row in bronze_rows(entity) if row["known_at"] < NOW - timedelta(days=4)])
        broken[entity.table, None, "source_is_fresh"] = "warn"
    rejected = {"refused_id": "x", "reason": "not_allowed", "column_name": "tier", "raw": PLANTED[0]}
    write("quarantine/crm/customers", [rejected] * 30)
    broken["bronze/crm/customers", None, "few_records_are_refused"] = "warn"
    return broken


def _set(number: int, **values: Any) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [row | values if at == number else row for at, row in enumerate(rows)]


def _twice(number: int) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [*rows, rows[number]]


def _without(column: str) -> Callable[[list[Row]], list[Row]]:
    return lambda rows: [{name: value for name, value in row.items() if name != column} for row in rows]


_DAMAGE: list[tuple[str, Callable[[list[Row]], list[Row]], dict[Promise, str]]] = [
    (
        "bronze/crm/customers",
        _set(1, gender=PLANTED[0]),
        {("bronze/crm/customers", "gender", "is_a_known_value"): "block"},
    ),
    ("bronze/crm/customers", _set(2, status=None), {("bronze/crm/customers", "status", "is_never_empty"): "block"}),
    ("bronze/crm/customers", _set(3, crm_id=PLANTED[2]), {("bronze/crm/customers", "crm_id", "has_its_form"): "block"}),
    ("bronze/orders/orders", _twice(4), {("bronze/orders/orders", "record_id", "is_landed_once"): "block"}),
    (
        "bronze/orders/payments",
        _set(0, record_id="crm:customers:C0000001"),
        {("bronze/orders/payments", "record_id", "names_its_source"): "block"},
    ),
    (
        "bronze/orders/order_lines",
        _set(0, quantity=-5),
        {("bronze/orders/order_lines", "quantity", "is_in_range"): "block"},
    ),
    ("bronze/crm/households", _without("role"), {("bronze/crm/households", None, "columns_match_contract"): "block"}),
    (
        "bronze/devices/readings",
        lambda rows: [row for row in rows if not NOW - timedelta(days=3) <= row["known_at"] < NOW - timedelta(days=2)],
        {("bronze/devices/readings", None, "volume_is_usual"): "warn"},
    ),
    (
        "bronze/campaigns/sends",
        _set(0, event_at=NOW, known_at=NOW - timedelta(days=9)),
        {("bronze/campaigns/sends", "event_at", "happened_before_it_was_known"): "warn"},
    ),
    (
        "bronze/campaigns/opens",
        _set(0, known_at=NOW + timedelta(days=9)),
        {("bronze/campaigns/opens", "known_at", "is_not_from_the_future"): "warn"},
    ),
    (
        "identity/person_links",
        _twice(0),
        {
            ("identity/person_links", None, "is_unique"): "block",
            ("identity/person_links", "person_record_id", "has_one_open_link"): "block",
            ("identity/person_links", None, "links_do_not_overlap"): "block",
            ("identity/person_links", None, "open_links_equal_records"): "block",
        },
    ),
    (
        "marts/person_profile",
        lambda rows: rows[1:],
        {
            ("marts/person_profile", None, "every_person_has_a_file"): "block",
            ("marts/person_profile", None, "files_equal_persons"): "block",
        },
    ),
    (
        "marts/person_profile",
        _set(5, tier=f"see {PLANTED[2]}"),
        {("marts/person_profile", "tier", "holds_no_personal_text"): "block"},
    ),
    (
        "marts/person_profile",
        _set(6, tags=["vip", "ask.planted@example.cn"]),
        {("marts/person_profile", "tags", "holds_no_personal_text"): "block"},
    ),
    (
        "marts/journey_events",
        _set(7, event_type=PLANTED[1]),
        {("marts/journey_events", "event_type", "holds_no_value_of_a_person"): "block"},
    ),
    (
        "marts/journey_events",
        _set(8, person_id="nobody"),
        {("marts/journey_events", "person_id", "is_a_person_of_the_links"): "block"},
    ),
    (
        "marts/journey_events",
        _set(9, person_id=None),
        {("marts/journey_events", None, "every_event_without_a_person_is_listed"): "block"},
    ),
    (
        "features/purchases",
        _set(0, event_timestamp=NOW + timedelta(days=1)),
        {("features/purchases", "event_timestamp", "is_not_from_the_future"): "block"},
    ),
    (
        "features/purchases",
        _set(1, orders_count_7d=9),
        {("features/purchases", "orders_count_7d", "grows_with_its_window"): "block"},
    ),
    ("features/purchases", _twice(2), {("features/purchases", None, "is_unique"): "block"}),
]


def bronze_rows(entity: Entity) -> list[Row]:
    """Ten days of a few rows; the busy entity has five weeks of many. Some of each source came yesterday."""
    is_busy = (entity.source, entity.name) == BUSY
    days, count = (36, 30) if is_busy else (10, 3)
    made = [row for day in range(days) for row in make_rows(entity, count, day=day, start=day * count)]
    return [_landed(entity, number, row) for number, row in enumerate(made)]


def _landed(entity: Entity, number: int, row: Row) -> Row:
    return row | {
        "record_id": f"{entity.source}:{entity.name}:{number}",
        "known_at": row[entity.known_at] if entity.known_at else row["event_at"],
        "landed_at": NOW,
        "batch_id": "batch-0",
        "source_file": "hand-made",
        "content_hash": number,
    }


def _event(number: int) -> Row:
    return {
        "event_id": f"web_app:page_views:{number}",
        "person_id": PERSONS[number % len(PERSONS)] if number < 39 else None,
        "source": "web_app",
        "entity": "page_views",
        "event_type": "page_viewed",
        "event_at": NOW - timedelta(days=2),
        "known_at": NOW - timedelta(days=1),
    }


def _snapshot(person: str) -> Row:
    return {
        "person_id": person,
        "event_timestamp": NOW,
        "created_timestamp": NOW,
        "orders_count_7d": 1,
        "orders_count_30d": 2,
    }


def write_bronze(entity: Entity, rows: list[Row]) -> None:
    """Replace an entity's bronze table."""
    overwrite(entity.table, pa.Table.from_pylist(rows, schema=entity.bronze_schema()))


def write(table: str, rows: list[Row]) -> None:
    """Replace a table by rows with some of its columns, of which the checks have to make what they can."""
    schema = schema_of(table)
    leave_table(table, pa.Table.from_pylist(rows, schema=pa.schema([schema.field(name) for name in rows[0]])))


def read(table: str) -> list[Row]:
    """All rows of a table, in a fixed order."""
    with connect() as connection:
        connection.execute("set preserve_insertion_order = true")
        return list(connection.execute(f"select * from {scan(table)}").to_arrow_table().to_pylist())

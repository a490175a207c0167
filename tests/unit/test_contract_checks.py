"""Every value becomes exactly what its contract says, or its row is rejected with the right reason."""

import math
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
import yaml

from contracts.contract_file import Entity, parse_contract
from ingestion.landing import contract_checks
from lake.sql.types import duckdb_type
from tests.landing_lake import AT, NOW, document, sale


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


@pytest.fixture(scope="module")
def sales() -> Entity:
    return parse_contract(yaml.safe_dump(document()), "shop").entities["sales"]


def check(connection: duckdb.DuckDBPyConnection, entity: Entity, values: dict[str, Any], types: dict[str, str]) -> Any:
    """The typed row and the verdict (None, or reason and column) of one raw row; `types` are the raw columns'."""
    names = [c.name for c in entity.columns]
    raw = ", ".join(f"?::{types.get(n, 'VARCHAR')} as raw_{n}" for n in names)
    typed = ", ".join(
        f'{contract_checks.typed(entity.column(n), f"raw_{n}", types.get(n, "VARCHAR"))} as "{n}"' for n in names
    )
    rules = list(
        contract_checks.rules(
            entity, raw={n: f"raw_{n}" for n in names}, types={n: types.get(n, "VARCHAR") for n in names}, now=NOW
        )
    )
    verdict = contract_checks.verdict_case(rules, None)
    query = f"select *, {verdict} as verdict from (select *, {typed} from (select {raw}))"
    relation = connection.execute(query, [values.get(n) for n in names])
    row = dict(zip([d[0] for d in relation.description or []], relation.fetchone() or (), strict=True))
    number = row.pop("verdict")
    return row, None if number is None else (rules[number - 1].verdict.reason, rules[number - 1].verdict.column)


def as_text(row: dict[str, Any]) -> dict[str, str | None]:
    return {k: None if v is None else str(v).lower() if isinstance(v, bool) else str(v) for k, v in row.items()}


GOOD: list[tuple[str, str | None, Any]] = [
    ("pieces", "12", 12),
    ("pieces", "12.0", 12),
    ("pieces", None, None),
    ("pieces", "", None),
    ("amount_cny", "0.1", 0.1),
    ("amount_cny", "1e3", 1000.0),
    ("amount_cny", "-0", -0.0),
    ("amount_cny", "1.7976931348623157e308", 1.7976931348623157e308),
    ("is_gift", "true", True),
    ("is_gift", "0", False),
    ("bought_date", "2026-02-28", date(2026, 2, 28)),
    ("event_at", "2026-06-30T12:00:00.123456Z", datetime(2026, 6, 30, 12, 0, 0, 123456, UTC)),
    ("event_at", "2026-06-30 20:00:00+08:00", datetime(2026, 6, 30, 12, tzinfo=UTC)),
    ("event_at", "2026-06-30 12:00:00", datetime(2026, 6, 30, 12, tzinfo=UTC)),
    ("event_at", "2026-07-01T13:00:00Z", datetime(2026, 7, 1, 13, tzinfo=UTC)),
    ("buyer", "0012", "0012"),
    ("buyer", "", ""),
    ("buyer", "café", "café"),
    ("buyer", "cafe\u0301", "cafe\u0301"),
    ("buyer", "'; drop table sales; --", "'; drop table sales; --"),
    ("buyer", "👩‍👩‍👧 שלום", "👩‍👩‍👧 שלום"),
]

BAD: list[tuple[str, str | None, str]] = [
    ("sale_id", None, "missing_required"),
    ("sale_id", "", "missing_required"),
    ("channel", None, "missing_required"),
    ("event_at", "", "missing_required"),
    ("pieces", "12.5", "wrong_type"),
    ("pieces", "1_000", "wrong_type"),
    ("pieces", "9223372036854775808", "wrong_type"),
    ("pieces", "99999999999999999999999", "wrong_type"),
    ("pieces", "0x10", "wrong_type"),
    ("pieces", "two", "wrong_type"),
    ("amount_cny", "NaN", "wrong_type"),
    ("amount_cny", "Infinity", "wrong_type"),
    ("amount_cny", "-inf", "wrong_type"),
    ("amount_cny", "1e999", "wrong_type"),
    ("amount_cny", "1,000", "wrong_type"),
    ("is_gift", "maybe", "wrong_type"),
    ("bought_date", "2026-02-30", "wrong_type"),
    ("bought_date", "2026-02-03 11:00", "wrong_type"),
    ("bought_date", "03/02/2026", "wrong_type"),
    ("event_at", "epoch", "wrong_type"),
    ("event_at", "infinity", "wrong_type"),
    ("event_at", "yesterday", "wrong_type"),
    ("event_at", "1782820800", "wrong_type"),
    ("channel", "fax", "not_allowed"),
    ("sale_id", "X1", "bad_pattern"),
    ("pieces", "0", "out_of_range"),
    ("pieces", "101", "out_of_range"),
    ("event_at", "1970-01-01T00:00:00Z", "time_out_of_range"),
    ("event_at", "1989-12-31T23:59:59Z", "time_out_of_range"),
    ("event_at", "2036-06-30T00:00:00Z", "time_out_of_range"),
    ("delivered_at", "2026-07-02T00:00:01Z", "time_out_of_range"),
]


@pytest.mark.parametrize(("column", "raw", "value"), GOOD)
def test_good_text_becomes_exactly_the_contracts_type(
    connection: duckdb.DuckDBPyConnection, sales: Entity, column: str, raw: str | None, value: Any
) -> None:
    row, verdict = check(connection, sales, as_text(sale(1)) | {column: raw}, {})
    assert verdict is None
    assert row[column] == value
    assert type(row[column]) is type(value)


@pytest.mark.parametrize(("column", "raw", "reason"), BAD)
def test_bad_text_is_rejected_with_its_reason(
    connection: duckdb.DuckDBPyConnection, sales: Entity, column: str, raw: str | None, reason: str
) -> None:
    _, verdict = check(connection, sales, as_text(sale(1)) | {column: raw}, {})
    assert verdict == (reason, column)


NATIVE: list[tuple[str, str, Any, Any, str | None]] = [
    ("pieces", "INTEGER", 7, 7, None),
    ("pieces", "DOUBLE", 7.0, 7, None),
    ("pieces", "DOUBLE", 7.5, None, "wrong_type"),
    ("pieces", "UBIGINT", 2**63, None, "wrong_type"),
    ("pieces", "BOOLEAN", True, None, "wrong_type"),
    ("amount_cny", "FLOAT", 0.5, 0.5, None),
    ("amount_cny", "DECIMAL(10,2)", 0.25, 0.25, None),
    ("amount_cny", "DOUBLE", math.nan, None, "wrong_type"),
    ("amount_cny", "DOUBLE", math.inf, None, "wrong_type"),
    ("bought_date", "DATE", date(2026, 6, 1), date(2026, 6, 1), None),
    ("event_at", "TIMESTAMP", "2026-06-30 12:00:00", datetime(2026, 6, 30, 12, tzinfo=UTC), None),
    ("event_at", "TIMESTAMP_MS", "2026-06-30 12:00:00.5", datetime(2026, 6, 30, 12, 0, 0, 500000, UTC), None),
    ("event_at", "BIGINT", 1782820800, None, "wrong_type"),
    ("buyer", "INTEGER", 12, "12", None),
]


@pytest.mark.parametrize(("column", "kind", "raw", "value", "reason"), NATIVE)
def test_native_type_is_kept_or_rejected_never_bent(
    connection: duckdb.DuckDBPyConnection,
    sales: Entity,
    column: str,
    kind: str,
    raw: Any,
    value: Any,
    reason: str | None,
) -> None:
    row, verdict = check(connection, sales, as_text(sale(1)) | {column: raw}, {column: kind})
    if reason is None:
        assert (row[column], verdict) == (value, None)
    else:
        assert verdict == (reason, column)


def test_first_broken_rule_gives_the_reason(connection: duckdb.DuckDBPyConnection, sales: Entity) -> None:
    _, verdict = check(connection, sales, as_text(sale(1)) | {"event_at": "x", "pieces": "0"}, {})
    assert verdict == ("out_of_range", "pieces")


def test_content_hash_stands_when_the_contract_gains_a_column(
    connection: duckdb.DuckDBPyConnection, sales: Entity
) -> None:
    row = {c.name: None for c in sales.columns} | {"sale_id": "S1", "event_at": AT}
    values = ", ".join(
        f"{'null' if v is None else repr(v)}::{duckdb_type(sales.column(n).logical_type)} as {n}"
        for n, v in row.items()
    )

    def digest(added: list[str]) -> Any:
        extra = "".join(f", null::varchar as {name}" for name in added)
        return connection.execute(
            f"select {contract_checks.content_hash(sales, added)} from (select {values}{extra})"
        ).fetchone()

    assert digest([]) == digest(["shelf"])


def test_null_and_empty_text_are_different_content(connection: duckdb.DuckDBPyConnection, sales: Entity) -> None:
    def digest(buyer: str) -> Any:
        values = ", ".join(
            f"{buyer if c.name == 'buyer' else 'null'}::{duckdb_type(c.logical_type)} as {c.name}"
            for c in sales.columns
        )
        return connection.execute(f"select {contract_checks.content_hash(sales, [])} from (select {values})").fetchone()

    assert digest("null") != digest("''")

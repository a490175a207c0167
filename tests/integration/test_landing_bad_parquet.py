"""Parquet with types of its own mind, and files that are no Parquet: exact, rejected or left whole; never bent."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.quarantine.records import list_rejected, show
from tests.contract_rows import as_csv
from tests.integration.test_landing_files import as_parquet
from tests.landing_lake import Shop, sale

NS = 1_782_820_800_123_456_789  # 2026-06-30 12:00:00.123456789


def deliver(shop: Shop, name: str, rows: int = 1, **columns: pa.Array) -> None:
    """A file whose columns are as given, the others as the contract wants them."""
    table = as_parquet([sale(number) for number in range(rows)])
    for column, values in columns.items():
        position = table.schema.get_field_index(column)
        made = pa.chunked_array([values])
        table = table.append_column(column, made) if position < 0 else table.set_column(position, column, made)
    pq.write_table(table, shop.folder / name)


@pytest.fixture
def parquet(shop: Shop) -> Shop:
    shop.declare(file_format="parquet")
    return shop


EXACT: dict[str, list[tuple[pa.Array, Any]]] = {
    "pieces": [
        (pa.array([7], pa.int8()), 7),
        (pa.array([7], pa.uint64()), 7),
        (pa.array([2**63 + 5], pa.uint64()), None),
        (pa.array([12.0], pa.float32()), 12),
        (pa.array([12.5]), None),
        (pa.array([float("nan")]), None),
        (pa.array([Decimal("12.00")]), 12),
        (pa.array([Decimal("12.50")]), None),
        (pa.array(["12"]), 12),
        (pa.array(["twelve"]), None),
    ],
    "amount_cny": [
        (pa.array([0.1], pa.float32()), 0.10000000149011612),
        (pa.array([2**53]), float(2**53)),
        (pa.array([2**53 + 1]), None),
        (pa.array([Decimal("12.50")]), 12.5),
        (pa.array([float("inf")]), None),
        (pa.array(["1e400"]), None),
    ],
    "buyer": [
        (pa.array(["0012 \u0001é e\u0301 שלום 👩\u200d👩"]), "0012 \u0001é e\u0301 שלום 👩\u200d👩"),
        (pa.array(["é\\x".encode()], pa.binary()), "é\\x"),
        (pa.array([b"\xff"], pa.binary()), None),
        (pa.array(["x"], pa.large_string()), "x"),
        (pa.array(["x"]).dictionary_encode(), "x"),
    ],
    "is_gift": [(pa.array([1]), True), (pa.array([0]), False), (pa.array([2]), None), (pa.array(["true"]), True)],
    "bought_date": [
        (pa.array([date(2026, 6, 30)]), date(2026, 6, 30)),
        (pa.array([datetime(2026, 6, 30)]), date(2026, 6, 30)),
        (pa.array([datetime(2026, 6, 30, 10)]), None),
    ],
    "event_at": [
        (pa.array([NS], pa.timestamp("ns")), datetime(2026, 6, 30, 12, 0, 0, 123456, tzinfo=UTC)),
        (pa.array([NS], pa.timestamp("ns", "Asia/Shanghai")), datetime(2026, 6, 30, 12, 0, 0, 123456, tzinfo=UTC)),
        (pa.array([NS // 10**6], pa.timestamp("ms")), datetime(2026, 6, 30, 12, 0, 0, 123000, tzinfo=UTC)),
        (pa.array([date(2026, 6, 30)]), datetime(2026, 6, 30, tzinfo=UTC)),
    ],
}


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [(column, values, expected) for column, cases in EXACT.items() for values, expected in cases],
    ids=lambda case: (
        case if isinstance(case, str) else str(case.type) if isinstance(case, pa.Array) else repr(case)[:20]
    ),
)
def test_value_of_another_type_is_exact_or_rejected(
    parquet: Shop, column: str, values: pa.Array, expected: Any
) -> None:
    """Times are cut to microseconds (ADR 9)."""
    parquet.columns["pieces"]["logicalTypeOptions"] = {}
    parquet.declare()
    deliver(parquet, "a.parquet", **{column: values})
    assert parquet.land().error is None
    if expected is None:
        (rejected,) = list_rejected("shop")
        assert (rejected.reason, rejected.column_name, rejected.source_position) == ("wrong_type", column, 1)
        assert show(rejected.refused_id)["raw"]
        assert parquet.rows() == []
    else:
        assert parquet.rows(column) == [(expected,)]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("buyer", pa.array([12])),
        ("buyer", pa.array([["a", "b"]])),
        ("buyer", pa.array([{"name": "Li"}])),
        ("pieces", pa.array([True])),
        ("event_at", pa.array([1_782_820_800])),
        ("amount_cny", pa.array([datetime(2026, 6, 30)])),
    ],
    ids=str,
)
def test_column_of_another_kind_blocks_its_file_by_name_and_the_others_land(
    parquet: Shop, column: str, values: pa.Array
) -> None:
    deliver(parquet, "changed.parquet", **{column: values})
    pq.write_table(as_parquet([sale(9)]), parquet.folder / "good.parquet")
    result = parquet.land()
    assert result.state == "blocked"
    assert f"changed.parquet: column {column}" in (result.error or "")
    assert parquet.rows("sale_id") == [("S9",)]
    assert parquet.counts().received == 1


def test_wider_and_narrower_types_in_turn_bend_no_value(parquet: Shop) -> None:
    parquet.columns["pieces"]["logicalTypeOptions"] = {}
    parquet.declare()
    exact = 2**53 + 1  # no double holds it: a common type of all files would bend it
    deliver(parquet, "a.parquet", sale_id=pa.array(["S1"]), pieces=pa.array([exact]))
    deliver(parquet, "b.parquet", sale_id=pa.array(["S2"]), pieces=pa.array([2.0]))
    deliver(parquet, "c.parquet", sale_id=pa.array(["S3"]), pieces=pa.array([3], pa.int16()))
    deliver(parquet, "d.parquet", sale_id=pa.array(["S4"]), pieces=pa.array(["4"]))
    assert parquet.land().error is None
    assert parquet.rows("sale_id, pieces") == [("S1", exact), ("S2", 2), ("S3", 3), ("S4", 4)]


def test_new_nested_column_is_kept_as_json(parquet: Shop) -> None:
    deliver(parquet, "a.parquet", basket=pa.array([[{"sku": "a", "n": 1}]]), raw=pa.array([b"\xffa"], pa.binary()))
    assert parquet.land().error is None
    assert parquet.rows("basket, raw") == [('[{"sku":"a","n":1}]', "\\xFFa")]


def whole() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(as_parquet([sale(number) for number in range(100)]), sink)
    return sink.getvalue().to_pybytes()


def no_text() -> bytes:
    """A text column that holds a byte no text has."""
    sink = pa.BufferOutputStream()
    table = as_parquet([sale(1)])
    bad = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 1], pa.int32()).buffers()[1], pa.py_buffer(b"\xff")]
    )
    pq.write_table(table.set_column(table.schema.get_field_index("buyer"), "buyer", bad), sink)
    return sink.getvalue().to_pybytes()


def named(*names: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table([pa.array(["x"])] * len(names), names=list(names)), sink)
    return sink.getvalue().to_pybytes()


BROKEN: dict[str, Callable[[], bytes]] = {
    "empty": bytes,
    "cut": lambda: whole()[:-20],
    "only its end": lambda: whole()[-200:],
    "hole": lambda: (w := whole())[:200] + bytes(len(w) - 1400) + w[-1200:],
    "csv": lambda: as_csv([sale(1)], sale(1)),
    "marks alone": lambda: b"PAR1PAR1",
    "no text": no_text,
    "names twice": lambda: named("sale_id", "sale_id"),
    "names by case": lambda: named("sale_id", "Sale_ID"),
    "no name": lambda: named("sale_id", ""),
    "our name": lambda: named("sale_id", "filename"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_file_that_is_no_usable_parquet_is_left_and_named_and_the_others_land(parquet: Shop, broken: str) -> None:
    parquet.deliver("bad.parquet", BROKEN[broken]())
    pq.write_table(as_parquet([sale(9)]), parquet.folder / "good.parquet")
    result = parquet.land()
    assert "bad.parquet" in (result.error or "")
    assert result.cure
    assert parquet.rows("sale_id") == [("S9",)]


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_parquet_under_the_name_of_text_is_left_and_named(shop: Shop, file_format: str) -> None:
    shop.declare(file_format=file_format)
    shop.deliver(f"a.{file_format}", whole())
    assert "is a Parquet file" in (shop.land().error or "")
    assert shop.counts().received == 0


def test_parquet_without_rows_lands_as_nothing(parquet: Shop) -> None:
    pq.write_table(as_parquet([sale(1)]).slice(0, 0), parquet.folder / "a.parquet")
    assert parquet.land().error is None
    assert parquet.counts().received == 0

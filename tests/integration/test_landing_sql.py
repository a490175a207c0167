"""Databases: every row and every change of a row, once, by watermark; ties and late commits included."""

import json
from typing import Any

import pytest

from ingestion.connectors.databases import sql
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected, show
from lake.tables import table_version
from tests.landing_lake import Shop, sale
from tests.landing_sqlite import SalesTable, read_from_sqlite

COLUMNS = [*sale(1), "updated_at"]


class Database(SalesTable):
    """The shop's sales in SQLite."""

    def add(self, number: int, updated_at: Any, **values: Any) -> None:
        self.add_all(range(number, number + 1), updated_at, **values)

    def add_all(self, numbers: range, updated_at: Any, **values: Any) -> None:
        self.insert(sale(number, **values) | {"updated_at": updated_at} for number in numbers)


@pytest.fixture
def database(shop: Shop) -> Database:
    path = read_from_sqlite(shop)
    shop.declare()
    return Database(path, COLUMNS)


def at(hour: int, minute: int = 0) -> str:
    return f"2026-06-30T{hour:02d}:{minute:02d}:00+00:00"


def test_rows_land_with_their_types_and_nothing_new_is_no_new_version(shop: Shop, database: Database) -> None:
    database.add(1, at(9), amount_cny=0.1 + 0.2, is_gift=1)
    database.add(2, at(10), buyer=None, amount_cny=None)
    assert has_new("shop")
    shop.land()
    assert shop.rows("sale_id, buyer, amount_cny, is_gift, batch_id") == [
        ("S1", "陈 小明", 0.1 + 0.2, True, "sql-00000000"),
        ("S2", None, None, False, "sql-00000000"),
    ]
    version = table_version("bronze/shop/sales")
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version


def test_changed_row_is_a_new_version_and_unchanged_ones_are_not_counted_again(shop: Shop, database: Database) -> None:
    for number in range(5):
        database.add(number, at(9, number))
    shop.land()
    database.run("update sales set pieces = 7, updated_at = ? where sale_id = 'S2'", at(9, 30))
    shop.land()
    assert len(shop.rows()) == 6
    assert (shop.counts().received, shop.counts().doubled) == (6, 0)


def test_row_committed_late_with_an_earlier_watermark_is_found(shop: Shop, database: Database) -> None:
    database.add(1, at(10))
    shop.land()
    database.add(2, at(9, 30))  # its transaction began before, and ended after
    assert has_new("shop")
    shop.land()
    assert shop.rows("sale_id") == [("S1",), ("S2",)]


def test_rows_that_share_a_watermark_all_land_whatever_the_size_of_a_batch(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "BATCH_ROWS", 3)
    for hour in range(4):
        database.add_all(range(10 * hour, 10 * hour + 10), at(9 + hour))  # ten rows share each
    shop.land()
    assert shop.counts().landed == 40
    assert len({batch for (batch,) in shop.rows("batch_id")}) == 4
    assert not has_new("shop")


def test_exact_duplicates_in_the_table_are_counted_once_over_many_runs(shop: Shop, database: Database) -> None:
    for _ in range(3):
        database.add(1, at(9))
    shop.land()
    database.add(2, at(9, 10))
    shop.land()
    database.add(3, at(9, 20))
    database.add(3, at(9, 20))
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.doubled) == (6, 3, 3)


def test_bad_row_is_quarantined_once_though_the_overlap_reads_it_again(shop: Shop, database: Database) -> None:
    database.add(1, at(9), pieces="many")
    for minute in range(3):
        database.add(10 + minute, at(9, minute + 1))
        shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (4, 3, 1)


@pytest.mark.parametrize("watermark", [None, "", "not a time", "2036-01-01T00:00:00+00:00"])
def test_odd_watermark_is_rejected_once_and_hides_no_later_row(
    shop: Shop, database: Database, watermark: str | None
) -> None:
    database.add(1, watermark)
    shop.land()
    assert not has_new("shop")
    database.add(2, at(9))
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (2, 1, 1)
    assert {r.column_name for r in list_rejected()} == {"updated_at"}


def test_watermarks_without_time_zone_or_with_a_space_are_read_as_utc(shop: Shop, database: Database) -> None:
    database.add(1, "2026-06-30 09:00:00.123456")
    shop.land()
    database.add(2, "2026-06-30 09:00:00.123457")
    shop.land()
    assert not has_new("shop")
    assert shop.rows("sale_id, updated_at::varchar") == [
        ("S1", "2026-06-30 09:00:00.123456+00"),
        ("S2", "2026-06-30 09:00:00.123457+00"),
    ]


def test_columns_of_nulls_and_mixed_types_do_not_break_a_table(shop: Shop, database: Database) -> None:
    database.add_all(range(2000), at(9), buyer=None, pieces=None, amount_cny=None)
    database.add(2000, at(9), buyer="late", pieces="12", amount_cny=b"\x00\xff")
    shop.land()
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (2000, 1)


def test_text_survives_byte_for_byte(shop: Shop, database: Database) -> None:
    texts = ["\x01", "\x01\x01a", "a\x00b", "e\u0301", "👩‍👩‍👧", "שלום", "007", " x ", ""]
    for number, text in enumerate([*texts, None]):
        database.add(number, at(9), buyer=text)
    assert shop.land().error is None
    assert [buyer for _, buyer in sorted(shop.rows("sale_id, buyer"))] == [*texts, None]


def test_text_that_is_not_utf8_rejects_its_rows_and_not_the_table(shop: Shop, database: Database) -> None:
    database.add_all(range(5), at(9))
    for number in range(2):
        database.run("update sales set buyer = cast(? as text) where sale_id = ?", b"\xff\xc4", f"S{number}")
    database.run("update sales set channel = null, pieces = char(1) where sale_id = 'S0'")
    assert shop.land().error is None
    database.add(10, at(9, 30))
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (6, 4, 2)
    raws = sorted((json.loads(show(r.refused_id)["raw"]) for r in list_rejected()), key=lambda raw: str(raw["sale_id"]))
    assert {r.reason for r in list_rejected()} == {"unreadable"}
    assert [(raw["buyer"], raw["channel"], raw["pieces"]) for raw in raws] == [
        ("\\xff\\xc4", None, "\x01"), ("\\xff\\xc4", "shop", "2"),
    ]  # fmt: skip
    assert not has_new("shop")


@pytest.mark.parametrize(
    ("column", "value"),
    [("pieces", "9223372036854775808"), ("pieces", 9.3e18), ("amount_cny", 9e999), ("amount_cny", -9e999)],
)
def test_number_beyond_its_type_rejects_the_row(shop: Shop, database: Database, column: str, value: Any) -> None:
    database.add(1, at(9), **{column: value})
    database.add(2, at(9))
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (1, 1)
    assert {r.column_name for r in list_rejected()} == {column}


def test_new_column_of_the_table_is_kept(shop: Shop, database: Database) -> None:
    database.add(1, at(9))
    shop.land()
    database.run("alter table sales add column shelf")
    database.run("update sales set shelf = 'top', updated_at = ?", at(10))
    shop.land()
    assert shop.rows("sale_id, coalesce(shelf, '')") == [("S1", ""), ("S1", "top")]


def test_column_that_is_gone_blocks_the_table_and_names_it(shop: Shop, database: Database) -> None:
    database.add(1, at(9))
    database.run("alter table sales drop column channel")
    result = shop.land()
    assert result.state == "blocked"
    assert "channel" in (result.error or "")


def test_table_that_is_not_there_is_an_error_with_cure(shop: Shop, database: Database) -> None:
    database.run("alter table sales rename to sales_2026")
    result = shop.land()
    assert result.state == "failed"
    assert "sales" in (result.error or "")
    assert result.cure


def test_database_that_is_not_there_is_an_error_with_cure(shop: Shop, database: Database) -> None:
    database.path.unlink()
    result = shop.land()
    assert result.state == "failed"
    assert "shop.db" in (result.error or "")


def test_full_refresh_counts_and_lands_nothing_twice(shop: Shop, database: Database) -> None:
    for _ in range(2):
        database.add(1, at(9))
    database.add(2, at(9), pieces="x")
    shop.land()
    before = shop.counts()
    shop.land(full_refresh=True)
    assert shop.counts() == before
    database.add(3, at(10))
    shop.land()
    assert shop.counts().landed == 2

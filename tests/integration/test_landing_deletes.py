"""Rows that a source deletes: by its flag, or by comparing keys. Bronze says so in a version of its own, once."""

from typing import Any

import pytest

from contracts.contract_file import ContractError, load_contract
from ingestion.landing import batches
from ingestion.landing.land import has_new
from ingestion.quarantine.records import replay
from lake.tables import table_version
from tests.landing_lake import Shop, sale
from tests.landing_sqlite import SalesTable, read_from_sqlite

COLUMNS = [*sale(1), "updated_at", "is_removed"]


class PowerCut(BaseException):
    """Ends a landing as a kill would."""


class Database(SalesTable):
    """The shop's sales in SQLite."""

    def add(self, *numbers: int, at: str = "09:00", **values: Any) -> None:
        other_values = {"updated_at": f"2026-06-30T{at}:00+00:00", "is_removed": 0}
        self.insert(sale(number, **values) | other_values for number in numbers)

    def delete(self, *numbers: int) -> None:
        for number in numbers:
            self.run("delete from sales where sale_id = ?", f"S{number}")


@pytest.fixture
def database(shop: Shop) -> Database:
    """The table; the contract compares keys."""
    path = read_from_sqlite(shop)
    shop.document["schema"][0]["properties"].append(
        {"name": "is_removed", "logicalType": "boolean", "classification": "internal"}
    )
    say_deletes(shop, "compare")
    return Database(path, COLUMNS)


def say_deletes(shop: Shop, value: Any) -> None:
    properties = shop.document["schema"][0]["customProperties"]
    properties[:] = [p for p in properties if p["property"] != "deletes"]
    properties.append({"property": "deletes", "value": value})
    shop.declare()


def living(shop: Shop) -> list[str]:
    """What lives in bronze, read as the staging models read it."""
    newest = {}
    for _, _, sale_id, is_deleted in sorted(shop.rows("known_at, updated_at, sale_id, is_deleted")):
        newest[sale_id] = is_deleted
    return sorted(sale_id for sale_id, is_deleted in newest.items() if not is_deleted)


def land(shop: Shop) -> None:
    result = shop.land()
    assert result.error is None, result.error


def test_key_that_is_gone_becomes_one_tombstone_with_the_last_values(shop: Shop, database: Database) -> None:
    database.add(*range(10))
    land(shop)
    database.run("update sales set pieces = 7, updated_at = '2026-06-30T10:00:00+00:00' where sale_id = 'S3'")
    land(shop)
    database.delete(3)
    assert has_new("shop")
    for _ in range(3):
        land(shop)
        assert not has_new("shop")
    assert [row for row in shop.rows("sale_id, pieces, buyer, is_deleted") if row[0] == "S3"] == [
        ("S3", 2, "陈 小明", False), ("S3", 7, "陈 小明", False), ("S3", 7, "陈 小明", True),
    ]  # fmt: skip
    counts = shop.counts()
    print(f"one of ten keys gone: {counts.received} received = {counts.landed} landed + {counts.doubled} duplicates")
    assert (counts.received, counts.landed, counts.doubled) == (12, 12, 0)
    assert len(living(shop)) == 9


def test_nothing_changed_is_idle_and_no_new_version(shop: Shop, database: Database) -> None:
    database.add(*range(10))
    land(shop)
    version = table_version("bronze/shop/sales")
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version


@pytest.mark.parametrize("full_refresh", [False, True])
def test_record_that_comes_back_with_its_old_content_lives_again(
    shop: Shop, database: Database, full_refresh: bool
) -> None:
    database.add(*range(10))
    land(shop)
    for _ in range(2):
        database.delete(3)
        land(shop)
        assert "S3" not in living(shop)
        database.add(3)
        assert shop.land(full_refresh=full_refresh).error is None
        assert "S3" in living(shop)
    for _ in range(2):
        assert shop.land(full_refresh=full_refresh).error is None
    assert [is_deleted for sale_id, is_deleted in shop.rows("sale_id, is_deleted") if sale_id == "S3"] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert len({known_at for sale_id, known_at in shop.rows("sale_id, known_at") if sale_id == "S3"}) == 5
    assert (shop.counts().landed, shop.counts().doubled) == (14, 0)


def test_record_older_than_the_overlap_that_comes_back_is_read_by_its_key(shop: Shop, database: Database) -> None:
    database.add(*range(10), at="01:00")
    database.add(99, at="12:00")
    land(shop)
    database.delete(3)
    land(shop)
    database.add(3, at="01:00")
    land(shop)
    assert "S3" in living(shop)
    assert not has_new("shop")


@pytest.mark.parametrize("gone", [range(10), range(3)])
def test_table_that_lost_too_much_deletes_nothing_until_a_person_agrees(
    shop: Shop, database: Database, gone: range
) -> None:
    database.add(*range(10))
    land(shop)
    database.delete(*gone)
    for _ in range(2):
        result = shop.land()
        assert result.state == "blocked"
        assert "--full-refresh" in (result.cure or "")
    assert len(living(shop)) == 10
    assert shop.land(full_refresh=True).error is None
    assert len(living(shop)) == 10 - len(gone)
    assert not has_new("shop")


def test_share_that_may_go_at_once_is_the_contracts(shop: Shop, database: Database) -> None:
    say_deletes(shop, {"mode": "compare", "mostGonePercent": 30})
    database.add(*range(10))
    land(shop)
    database.delete(0, 1, 2)
    land(shop)
    assert len(living(shop)) == 7


def test_comparison_holds_as_long_as_the_contract_says(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_deletes(shop, {"mode": "compare", "everyHours": 24})
    database.add(*range(10))
    land(shop)
    database.delete(3)
    land(shop)
    assert len(living(shop)) == 10
    assert not has_new("shop")
    (shop.home / "sandbox" / "clock.json").write_text('{"now": "2026-07-02T00:00:00+00:00"}')
    assert has_new("shop")
    land(shop)
    assert len(living(shop)) == 9


@pytest.mark.parametrize("point", batches.CRASH_POINTS)
def test_cut_at_any_step_makes_no_tombstone_twice(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    database.add(*range(10))
    land(shop)
    database.delete(3)

    def cut(reached: str) -> None:
        if reached == point:
            raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(batches, "crash_point", cut)
        with pytest.raises(PowerCut):
            shop.land()
    land(shop)
    assert (shop.counts().received, shop.counts().landed) == (11, 11)
    assert len(living(shop)) == 9


def test_quarantined_record_is_not_taken_for_deleted_or_read_again(shop: Shop, database: Database) -> None:
    database.add(*range(10))
    database.add(10, pieces="many")
    for number in range(3):
        land(shop)
        database.add(20 + number, at=f"1{number}:00")
    counts = shop.counts()
    assert (counts.landed, counts.quarantined, counts.doubled) == (12, 1, 0)


def test_version_rejected_before_the_delete_does_not_bring_the_record_back(shop: Shop, database: Database) -> None:
    database.add(*range(10))
    land(shop)
    database.run("update sales set channel = 'fax', updated_at = '2026-06-30T10:00:00+00:00' where sale_id = 'S3'")
    land(shop)
    database.delete(3)
    land(shop)
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("fax")
    shop.declare()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(1, 0)]
    assert "S3" not in living(shop)
    assert shop.counts().landed == 12
    land(shop)
    assert shop.counts().received == 12


def test_contract_that_begins_to_compare_finds_what_is_gone_already(shop: Shop, database: Database) -> None:
    say_deletes(shop, "none")
    database.add(*range(10))
    land(shop)
    assert "is_deleted" not in shop.table().bronze_schema().names
    database.delete(3)
    land(shop)
    say_deletes(shop, "compare")
    database.add(20, at="10:00")
    land(shop)  # bronze gets the column with its next rows
    land(shop)
    assert len(living(shop)) == 10
    assert "S3" not in living(shop)


@pytest.mark.parametrize("kind", ["boolean", "timestamp"])
def test_flag_of_the_source_is_read_as_deleted(shop: Shop, database: Database, kind: str) -> None:
    shop.columns["is_removed"]["logicalType"] = kind
    say_deletes(shop, {"mode": "soft", "column": "is_removed"})
    database.add(*range(3))
    database.run("update sales set is_removed = ?", None if kind == "timestamp" else 0)
    land(shop)
    mark = "2026-06-30T10:00:00+00:00" if kind == "timestamp" else 1
    database.run("update sales set is_removed = ?, updated_at = '2026-06-30T10:00:00+00:00' where sale_id = 'S1'", mark)
    land(shop)
    assert living(shop) == ["S0", "S2"]
    land(shop)
    assert (shop.counts().received, shop.counts().landed) == (4, 4)


@pytest.mark.parametrize(
    "value",
    ["hard", {"mode": "soft"}, {"mode": "soft", "column": "buyer"}, {"mode": "compare", "mostGonePercent": 0},
     {"mode": "compare", "column": "is_removed"}, {"mode": "none", "everyHours": 1}, {"everyHours": 1}, 7],
)  # fmt: skip
def test_deletes_that_cannot_be_meant_are_rejected(shop: Shop, database: Database, value: Any) -> None:
    say_deletes(shop, value)
    with pytest.raises(ContractError, match="deletes"):
        load_contract("shop")


def test_keys_of_files_cannot_be_compared(shop: Shop) -> None:
    say_deletes(shop, "compare")
    with pytest.raises(ContractError, match="compared"):
        shop.land()

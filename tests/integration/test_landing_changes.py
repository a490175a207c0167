"""PostgreSQL by logical replication: a snapshot, then every change once, in its order, through any cut."""

from datetime import timedelta
from typing import Any

import pytest

from ingestion.connectors.databases import postgres_changes, slots
from ingestion.landing import batches
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected
from lake.tables import table_version
from tests.landing_lake import NOW, Shop
from tests.landing_postgresql import Database, at, database, needs_postgresql, postgresql

__all__ = ["database", "postgresql"]
pytestmark = needs_postgresql


class PowerCut(BaseException):
    """Ends a landing as a kill would."""


@pytest.fixture
def changes(shop: Shop, database: Database) -> Database:
    """The table under logical replication, its deletes known."""
    shop.document["servers"][0]["customProperties"] = [{"property": "replication", "value": "logical"}]
    shop.document["schema"][0]["customProperties"].append({"property": "deletes", "value": "compare"})
    shop.declare()
    database.run("alter table sales replica identity full")
    return database


def land(shop: Shop) -> None:
    result = shop.land()
    assert result.error is None, result.error


def newest(shop: Shop) -> list[tuple[Any, ...]]:
    """What lives in bronze, read as the staging models read it."""
    versions = sorted(shop.rows("known_at, updated_at, sale_id, pieces, is_deleted"))
    best = {sale_id: (pieces, is_deleted) for _, _, sale_id, pieces, is_deleted in versions}
    return sorted((sale_id, pieces) for sale_id, (pieces, is_deleted) in best.items() if not is_deleted)


def in_source(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return sorted(connection.execute("select sale_id, pieces from sales").fetchall())


def test_snapshot_then_changes_land_in_their_order(shop: Shop, changes: Database) -> None:
    changes.add_all(range(5), at(9))
    land(shop)
    assert shop.counts().landed == 5
    assert not has_new("shop")
    version = table_version("bronze/shop/sales")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version
    changes.add(10, at(10))
    changes.run("update sales set pieces = 7 where sale_id = 'S1'")
    changes.run("update sales set pieces = 8 where sale_id = 'S1'")
    changes.run("delete from sales where sale_id = 'S2'")
    assert has_new("shop")
    land(shop)
    assert [row for row in shop.rows("sale_id, pieces, is_deleted, batch_id") if row[3] == "changes-00000002"] == [
        ("S1", 7, False, "changes-00000002"), ("S1", 8, False, "changes-00000002"),
        ("S10", 2, False, "changes-00000002"), ("S2", 2, True, "changes-00000002"),
    ]  # fmt: skip
    assert newest(shop) == in_source(changes)
    assert not has_new("shop")
    counts = shop.counts()
    print(f"snapshot and changes: {counts.received} received, {counts.landed} landed, {counts.doubled} duplicates")
    assert (counts.received, counts.doubled) == (9, 0)


def test_value_that_goes_back_and_key_that_comes_back_are_new_versions(shop: Shop, changes: Database) -> None:
    changes.add_all(range(3), at(9))
    land(shop)
    for pieces in (5, 2, 5, 2):
        changes.run("update sales set pieces = %s where sale_id = 'S0'", pieces)
    changes.run("delete from sales where sale_id = 'S1'")
    changes.add(1, at(9))
    changes.run("delete from sales where sale_id = 'S2'")
    land(shop)
    assert newest(shop) == in_source(changes) == [("S0", 2), ("S1", 2)]
    changes.add(2, at(9))
    changes.run("update sales set pieces = pieces")  # changes nothing: three duplicates
    land(shop)
    assert newest(shop) == in_source(changes)
    assert (shop.counts().landed, shop.counts().doubled) == (11, 3)


def test_key_that_changes_ends_the_old_record(shop: Shop, changes: Database) -> None:
    changes.add(1, at(9))
    land(shop)
    changes.run("update sales set sale_id = 'S9'")
    land(shop)
    assert newest(shop) == [("S9", 2)]


def test_deletes_are_left_out_where_the_contract_says_none(shop: Shop, changes: Database) -> None:
    shop.document["schema"][0]["customProperties"][-1]["value"] = "none"
    shop.declare()
    changes.add_all(range(2), at(9))
    land(shop)
    changes.run("delete from sales where sale_id = 'S1'")
    changes.run("update sales set sale_id = 'S9', pieces = 3")
    land(shop)
    assert shop.rows("sale_id, pieces") == [("S0", 2), ("S1", 2), ("S9", 3)]


def test_change_made_while_the_snapshot_is_taken_lands_once(
    shop: Shop, changes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction ends between slot and snapshot, one is open over both, one comes after."""
    changes.add_all(range(3), at(9))
    begin, make = slots.Slot.begin_snapshot, slots.Slot.make
    slow = changes.connect()
    slow.autocommit = False

    def make_slot(self: slots.Slot) -> None:
        make(self)
        changes.add(10, at(9))
        changes.run("update sales set pieces = 5 where sale_id = 'S0'")
        slow.execute("update sales set pieces = 6 where sale_id = 'S1'")

    def begin_snapshot(self: slots.Slot) -> str:
        shown = begin(self)
        changes.add(11, at(9))
        changes.run("delete from sales where sale_id = 'S2'")
        slow.commit()
        return shown

    monkeypatch.setattr(slots.Slot, "make", make_slot)
    monkeypatch.setattr(slots.Slot, "begin_snapshot", begin_snapshot)
    land(shop)
    slow.close()
    assert newest(shop) == in_source(changes)
    counts = shop.counts()
    assert (counts.landed, counts.doubled) == (4 + 3, 0)


@pytest.mark.parametrize("point", batches.CRASH_POINTS)
def test_cut_at_any_step_nothing_is_lost_or_duplicated(
    shop: Shop, changes: Database, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    changes.add_all(range(3), at(9))
    land(shop)
    changes.add_all(range(10, 20), at(10))
    changes.run("update sales set pieces = 9 where sale_id = 'S1'")
    changes.run("delete from sales where sale_id = 'S2'")

    def cut(reached: str) -> None:
        if reached == point:
            raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(batches, "crash_point", cut)
        with pytest.raises(PowerCut):
            shop.land()
    changes.run("update sales set pieces = 10 where sale_id = 'S1'")
    land(shop)
    assert newest(shop) == in_source(changes)
    counts = shop.counts()
    print(f"cut at {point}: {counts.landed} landed, {counts.doubled} duplicates")
    assert (counts.received, counts.landed, counts.doubled) == (16, 16, 0)


def test_transaction_larger_than_a_batch_lands_whole_and_others_in_batches(
    shop: Shop, changes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(shop)
    monkeypatch.setattr(postgres_changes, "BATCH_CHANGES", 10)
    changes.add_all(range(500), at(9))
    for number in range(30):
        changes.run("update sales set pieces = %s where sale_id = 'S1'", number % 50 + 10)
    land(shop)
    assert newest(shop) == in_source(changes)
    rows = shop.rows("batch_id")
    sizes = sorted(rows.count(batch_id) for batch_id in set(rows))
    print(f"500 rows in one transaction, 30 alone: batches of {sizes}")
    assert sizes[-1] == 500
    assert len(sizes) > 5
    assert not has_new("shop")


def test_large_values_that_an_update_does_not_touch_stay(shop: Shop, changes: Database) -> None:
    changes.run("alter table sales alter buyer set storage external")
    text = "".join(chr(0x4E00 + n % 5000) for n in range(20_000))
    changes.add(1, at(9), buyer=text)
    land(shop)
    changes.run("update sales set pieces = 5")
    land(shop)
    assert shop.rows("pieces, buyer") == [(2, text), (5, text)]


def test_values_come_by_the_log_as_they_come_by_the_snapshot(shop: Shop, changes: Database) -> None:
    changes.create(amount_cny="numeric", pieces="numeric")
    changes.run("alter table sales replica identity full, add a_flag boolean, add bytes bytea, add a_json jsonb")

    def fill(first: int) -> None:
        for number, amount in enumerate(["0.1", "NaN", "Infinity", "12345678.125", None]):
            changes.add(first + number, at(9), amount_cny=amount)
        changes.add(first + 5, at(9), pieces="9223372036854775808")
        changes.add(first + 6, "infinity")
        changes.add(first + 7, at(9), buyer="\x01 é e\u0301 👩‍👩‍👧 שלום ")
        changes.run("update sales set a_flag = true, bytes = '\\x00ff', a_json = '{\"a\": 0.10}'")

    fill(0)
    land(shop)
    fill(10)
    land(shop)
    columns = "buyer, pieces, amount_cny, is_gift, bought_date, event_at, updated_at, a_flag, bytes, a_json"
    rows = {row[1]: row[2:] for row in sorted(shop.rows(f"known_at, sale_id, {columns}"), key=lambda row: row[0])}
    for number in (0, 3, 4, 7):
        assert rows[f"S{number}"] == rows[f"S{10 + number}"]
    assert sorted(rows) == sorted(f"S{n}" for n in (0, 3, 4, 7, 10, 13, 14, 17))
    reasons = sorted(r.reason for r in list_rejected())
    assert set(reasons) == {"wrong_type", "time_out_of_range"}
    shop.counts()


def test_column_that_comes_in_the_middle_of_the_log_is_kept(shop: Shop, changes: Database) -> None:
    changes.add(1, at(9))
    land(shop)
    changes.add(2, at(9))
    changes.run("alter table sales add shelf text")
    changes.run("update sales set shelf = 'top' where sale_id = 'S1'")
    changes.run("alter table sales drop column buyer")
    changes.run("update sales set pieces = 9 where sale_id = 'S1'")
    land(shop)
    assert shop.rows("sale_id, pieces, buyer is null, shelf") == [
        ("S1", 2, False, "top"), ("S1", 2, False, None), ("S1", 9, True, "top"), ("S2", 2, False, None),
    ]  # fmt: skip


def test_required_column_that_goes_blocks_and_names_it(shop: Shop, changes: Database) -> None:
    changes.add(1, at(9))
    land(shop)
    changes.run("alter table sales drop column channel")
    changes.run("update sales set pieces = 9")
    result = shop.land()
    assert result.state == "blocked"
    assert "channel" in (result.error or "")


def test_truncate_blocks_with_a_cure_after_what_came_before_it(shop: Shop, changes: Database) -> None:
    changes.add_all(range(3), at(9))
    land(shop)
    changes.add(10, at(10))
    changes.run("truncate sales")
    changes.add(11, at(11))
    result = shop.land()
    assert result.state == "blocked"
    assert "truncated" in (result.error or "")
    assert "--full-refresh" in (result.cure or "")
    assert [sale_id for (sale_id,) in shop.rows("sale_id")] == ["S0", "S1", "S10", "S2"]
    assert shop.land().state == "blocked"
    assert shop.land(full_refresh=True).error is None
    assert newest(shop) == in_source(changes) == [("S11", 2)]
    changes.add(12, at(11))
    land(shop)
    assert newest(shop) == in_source(changes)


def test_log_that_ends_before_what_is_landed_is_an_error_with_cure(
    shop: Shop, changes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server restored to an earlier state gives its positions a second time."""
    changes.add(1, at(9))
    land(shop)
    monkeypatch.setattr(slots.Slot, "end_of_log", lambda self: "0/10")
    assert has_new("shop")
    result = shop.land()
    assert result.state == "failed"
    assert "restored" in (result.error or "")
    assert "--full-refresh" in (result.cure or "")


def test_table_whose_changes_lack_the_old_row_is_an_error_with_cure(shop: Shop, changes: Database) -> None:
    changes.run("alter table sales replica identity default")
    result = shop.land()
    assert result.state == "failed"
    assert "replica identity full" in (result.cure or "")


def test_table_with_generated_columns_is_an_error_with_cure(shop: Shop, changes: Database) -> None:
    changes.run("alter table sales add twice bigint generated always as (pieces * 2) stored")
    result = shop.land()
    assert result.state == "failed"
    assert "twice" in (result.error or "")
    assert "watermark" in (result.cure or "")


def test_lost_slot_is_an_error_with_cure_and_a_full_refresh_mends_it(shop: Shop, changes: Database) -> None:
    changes.add(1, at(9))
    land(shop)
    changes.run(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()"
    )
    changes.run("update sales set pieces = 9, updated_at = %s", at(10))
    result = shop.land()
    assert result.state == "failed"
    assert "--full-refresh" in (result.cure or "")
    assert shop.land(full_refresh=True).error is None
    assert newest(shop) == [("S1", 9)]
    changes.run("update sales set pieces = 10")
    land(shop)
    assert newest(shop) == [("S1", 10)]


def test_idle_runs_do_not_hold_back_the_sources_log(
    shop: Shop, changes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes.add(1, at(9))
    land(shop)
    query = """select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), confirmed_flush_lsn)::bigint
        from pg_replication_slots where database = current_database()"""
    changes.run("create table other as select generate_series(1, 20000) as n")
    before = changes.run(query)
    assert not has_new("shop")
    monkeypatch.setattr(postgres_changes, "IDLE_BYTES", before // 2)
    assert has_new("shop")
    land(shop)
    after = changes.run(query)
    print(f"held back by the slot of a table that did not change: {before} bytes, {after} after a run")
    assert after < before / 10
    assert not has_new("shop")
    assert shop.counts().received == 1


def test_slot_that_somebody_else_moved_is_reported(shop: Shop, changes: Database) -> None:
    """Another lake of the same name, or a hand: what lay between is lost to us."""
    changes.add(1, at(9))
    land(shop)
    changes.run("update sales set pieces = 9")
    changes.run(
        """select pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) from pg_replication_slots
           where database = current_database()"""
    )
    assert has_new("shop")
    result = shop.land()
    assert result.state == "failed"
    assert "moved" in (result.error or "")
    for _ in range(2):
        assert shop.land(full_refresh=True).error is None
        assert newest(shop) == [("S1", 9)]
    assert (shop.counts().received, shop.counts().landed) == (2, 2)


def test_names_of_slots_fit_postgresql_and_differ(shop: Shop) -> None:
    names = {slots.slot_name(shop.table(), prefix) for prefix in (None, "Übersee-" * 10, "other" * 20)}
    assert len(names) == 3
    assert all(len(name) <= 63 and name.isascii() and name == name.lower() for name in names)


def test_transaction_numbers_that_wrapped_are_distinguished() -> None:
    base = 7 << 32
    shown = f"{base + 10}:{base + 20}:{base + 12}@0/1000"
    is_landed = slots.landed_before(shown, None)
    assert [is_landed(5, xid) for xid in (9, 11, 12, 20, 4294967290)] == [True, True, False, False, True]
    assert not is_landed(0x1000, 9)


def test_times_known_grow_with_every_version(shop: Shop, changes: Database) -> None:
    changes.add(1, at(9))
    land(shop)
    changes.run("delete from sales")
    changes.add(1, at(9))
    changes.run("delete from sales")
    land(shop)
    known = sorted(known_at for (known_at,) in shop.rows("known_at"))
    assert known[1:] == [NOW, NOW + timedelta(microseconds=1), NOW + timedelta(microseconds=2)]

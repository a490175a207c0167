"""Killed at every named step of a replay and of maintenance: rows and state stay, and the next run goes on."""

import pytest

from contracts.settings import PROJECT_ROOT
from ingestion.landing.land import has_new
from ingestion.quarantine import replays
from ingestion.quarantine.records import replay
from lake import maintenance
from lake.landing_state import read_state
from lake.maintenance import maintain
from lake.tables import open_table
from tests.faults import children
from tests.faults.reconcile import Delivered, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.integration.test_landing_replay import allow_fax
from tests.landing_lake import Shop, sale


@pytest.mark.parametrize("point", replays.CRASH_POINTS)
def test_replay_killed_at_a_named_point_lands_each_record_once(shop: Shop, point: str) -> None:
    rows = [sale(1), sale(2, channel="fax"), sale(3, channel="fax"), sale(4, channel="telex")]
    shop.deliver("a.jsonl", rows)
    shop.land()
    allow_fax(shop)
    assert children.start(children.replay_quarantine, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    shop.deliver("b.jsonl", [sale(5), sale(2, channel="fax")])  # landing goes on before anybody replays again
    shop.land()
    replay("shop")
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (6, 4, 1, 1)
    assert [name for (name,) in shop.rows("sale_id")] == ["S1", "S2", "S3", "S5"]


@pytest.mark.parametrize("point", maintenance.CRASH_POINTS)
def test_maintenance_killed_at_a_named_point_keeps_rows_and_state(shop: Shop, point: str) -> None:
    delivered = Delivered()
    for day in range(4):
        deliver(shop, delivered, day)
        shop.land()
    for name in (BRONZE, "quarantine/shop/sales"):
        table = open_table(name)
        assert table is not None
        table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    state = read_state(BRONZE)
    assert children.start(children.maintain_lake, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    assert read_state(BRONZE) == state
    assert reconcile(shop, delivered).is_sound
    assert not has_new("shop")
    deliver(shop, delivered, 4)
    shop.land()
    assert shop.last_batch() == 4
    children.start(children.maintain_lake).end()
    assert read_state(BRONZE)["streams"]["files"]["batch"] == 4
    deliver(shop, delivered, 5)
    shop.land()
    assert reconcile(shop, delivered).is_sound


@pytest.mark.parametrize("point", ["landing.staged", "landing.rewritten"])
def test_what_a_killed_writer_left_is_swept_at_once(shop: Shop, point: str) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    deliver(shop, delivered, 1)
    assert children.start(children.land, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    swept = {done.table: done.orphans_swept for done in maintain()}
    assert swept[BRONZE] >= 1
    assert not any(done.is_changed for done in maintain())
    table = open_table(BRONZE)
    assert table is not None
    folder = PROJECT_ROOT.joinpath(table.table_uri.removeprefix("file://"))
    assert {path.name for path in folder.glob("*.parquet")} == {uri.rpartition("/")[2] for uri in table.file_uris()}
    shop.land()
    assert reconcile(shop, delivered).is_sound
    print(f"{point}: {swept[BRONZE]} files of a killed writer swept at once")

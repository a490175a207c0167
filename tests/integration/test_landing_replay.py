"""Quarantine: a mended contract lets the rejected records in, each exactly once, and the counters move with them."""

import json
import threading

import pytest

from contracts.contract_file import UnknownSourceError
from contracts.settings import reset_settings
from ingestion.landing import contract_checks
from ingestion.landing.contract_checks import EngineError
from ingestion.landing.streams import follow
from ingestion.quarantine import replays
from ingestion.quarantine.records import UnknownRecordError, count_by_reason, list_rejected, replay, show
from tests.contract_rows import as_csv
from tests.landing_lake import Shop, sale


def allow_fax(shop: Shop) -> None:
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("fax")
    shop.declare()


def test_replay_after_a_contract_fix_lands_each_once(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2, channel="fax"), sale(3, channel="fax"), sale(4, pieces="x")])
    shop.land()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(0, 3)]
    allow_fax(shop)
    assert [(r.landed, r.doubled, r.remaining) for r in replay("shop")] == [(2, 0, 1)]
    assert [(r.landed, r.doubled, r.remaining) for r in replay()] == [(0, 0, 1)]
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (4, 3, 1, 0)
    assert [row for (row,) in shop.rows("sale_id")] == ["S1", "S2", "S3"]
    assert {file for (file,) in shop.rows("source_file")} == {"sales/a.jsonl"}


def test_replayed_version_is_older_than_what_landed_since(shop: Shop) -> None:
    """Where no column says when a record was known, the moment it was rejected does."""
    shop.document["schema"][0]["customProperties"].clear()
    shop.declare()
    shop.deliver("a.jsonl", [sale(1, channel="fax")])
    shop.land()
    clock = shop.home / "sandbox" / "clock.json"
    clock.write_text(json.dumps({"now": "2026-07-02T00:00:00+00:00"}))
    shop.deliver("b.jsonl", [sale(1, channel="web")])
    shop.land()
    allow_fax(shop)
    replay("shop")
    assert [channel for _, channel in sorted(shop.rows("known_at, channel"))] == ["fax", "web"]


def test_replayed_record_that_came_again_is_a_duplicate(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, channel="fax")])
    shop.land()
    allow_fax(shop)
    shop.deliver("b.jsonl", [sale(1, channel="fax")])
    shop.land()
    replay("shop")
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (2, 1, 0, 1)


def test_landing_goes_on_after_a_replay(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, channel="fax")])
    shop.land()
    allow_fax(shop)
    replay("shop")
    assert shop.land().state == "idle"
    shop.deliver("b.jsonl", [sale(2), sale(3, channel="telex")])
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (3, 2, 1)


def test_records_from_csv_replay_to_the_same_content_as_they_would_have_landed(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1, channel="fax", buyer=""), sale(2, channel="fax", buyer=None)], sale(1)))
    shop.land()
    allow_fax(shop)
    replay("shop")
    hashes = shop.rows("content_hash")
    shop.declare(file_format="jsonl")
    shop.deliver("b.jsonl", [sale(1, channel="fax", buyer=None), sale(2, channel="fax", buyer=None)])
    shop.land()
    assert shop.rows("content_hash") == hashes
    assert shop.counts().doubled == 2


@pytest.mark.parametrize("point", replays.CRASH_POINTS)
def test_replay_cut_short_is_finished_by_the_next(shop: Shop, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2, channel="fax"), sale(3, channel="telex")])
    shop.land()
    allow_fax(shop)

    class PowerCut(BaseException):
        pass

    def cut(reached: str) -> None:
        if reached == point:
            raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(replays, "crash_point", cut)
        with pytest.raises(PowerCut):
            replay("shop")
    replay("shop")
    counts = shop.counts()
    assert (counts.landed, counts.quarantined, counts.doubled) == (2, 1, 0)


def test_record_is_listed_shown_and_counted(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, channel="fax"), sale(2, pieces="x")])
    shop.land()
    assert count_by_reason() == {"not_allowed": 1, "wrong_type": 1}
    for rejected in list_rejected("shop"):
        assert show(rejected.refused_id)["reason"] == rejected.reason
        assert rejected.explanation
    with pytest.raises(UnknownRecordError):
        show("")
    with pytest.raises(UnknownSourceError):
        list_rejected("till")
    with pytest.raises(UnknownSourceError):
        replay("till")


def test_engine_that_hashes_otherwise_compares_no_contents(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2, channel="fax")])
    shop.land()
    monkeypatch.setattr(contract_checks, "_SAMPLE_HASH", 0)
    shop.deliver("b.jsonl", [sale(1)])
    monkeypatch.delenv("LAKE_CONTRACTS")
    reset_settings()
    with pytest.raises(EngineError):
        follow(["devices"], stop=threading.Event())
    monkeypatch.setenv("LAKE_CONTRACTS", str(shop.contract_file.parent.parent))
    reset_settings()
    for compare in (shop.land, replay):
        with pytest.raises(EngineError):
            compare()
    assert len(shop.rows("sale_id")) == 1

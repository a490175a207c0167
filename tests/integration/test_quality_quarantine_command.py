"""`lake quarantine`: what was rejected is listed without content, shown to who asks for it, replayed once it fits."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import build_app
from contracts.errors import LakeError
from ingestion.landing.land import counters
from tests.landing_lake import Shop, sale
from web.portal.gather import gather

REJECTED_BUYER = "Planted Personname"


def lake(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(), ["quarantine", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def rejected(shop: Shop) -> dict[str, Any]:
    """A shop with one good row and one rejected, which is given as the command lists it."""
    shop.deliver("2026-06-30.jsonl", [sale(1), sale(2, channel="moon", buyer=REJECTED_BUYER)])
    assert shop.land().state == "landed"
    (record,) = json.loads(lake("list", "--json"))["records"]
    return dict(record)


def test_list_says_why_and_how_many_but_not_what_stood_there(rejected: dict[str, Any]) -> None:
    assert (rejected["source"], rejected["entity"], rejected["reason"]) == ("shop", "sales", "not_allowed")
    text = lake("list", "shop")
    assert "channel" in text
    for output in (text, json.dumps(rejected)):
        assert REJECTED_BUYER not in output
        assert "moon" not in output


def test_show_gives_the_whole_record_to_who_asks_for_it(rejected: dict[str, Any]) -> None:
    assert REJECTED_BUYER in lake("show", rejected["refused_id"][:10])
    assert json.loads(lake("show", rejected["refused_id"], "--json"))["reason"] == "not_allowed"
    with pytest.raises(LakeError) as unknown:
        lake("show", "no-such-id")
    assert unknown.value.exit_code == 2


def test_replay_moves_what_fits_now_and_the_portal_follows(shop: Shop, rejected: dict[str, Any]) -> None:
    before = next(s for s in gather(counters()).sources if s.contract.source == "shop")
    assert (before.received, before.landed, before.quarantined, before.reconciles) == (2, 1, 1, True)
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("moon")
    shop.declare()
    assert json.loads(lake("replay", "shop", "--json"))["replayed"][0]["landed"] == 1
    page = gather(counters())
    after = next(s for s in page.sources if s.contract.source == "shop")
    assert (after.received, after.landed, after.quarantined, after.reconciles) == (2, 2, 0, True)
    assert not page.rejected
    assert "no record is in quarantine" in lake("list")

"""Power cuts: wherever landing is killed, the next run loses nothing, duplicates nothing and leaves no half batch."""

import random
from collections import Counter

import pytest

from ingestion.landing.batches import CRASH_POINTS
from ingestion.landing.land import has_new
from lake.landing_state import read_state
from lake.maintenance import maintain
from lake.tables import open_table
from tests.faults import children
from tests.faults.reconcile import Delivered, kill_after, land_in_child, partial_batches, reconcile
from tests.landing_lake import Shop, sale

BRONZE = "bronze/shop/sales"


def deliver(shop: Shop, delivered: Delivered, day: int, rows: int = 20) -> None:
    """A day's file: good rows, bad rows, duplicates of both and of the day before."""
    good = delivered.add([sale(1000 * day + n, buyer=None, amount_cny=n / 7) for n in range(rows)])
    bad = delivered.add([sale(1000 * day + n, channel="fax") for n in range(3)], bad=True)
    again = delivered.add(good[:2]) + delivered.add(bad[:1], bad=True)
    before = delivered.add([sale(1000 * (day - 1), buyer=None, amount_cny=0.0)]) if day else []
    shop.deliver(f"{day:04d}.jsonl", good + bad + again + before)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_a_named_point_nothing_is_lost_or_duplicated(shop: Shop, point: str) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    deliver(shop, delivered, 1)
    assert children.start(children.land, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    deliver(shop, delivered, 2)  # more has come before anybody looks again
    shop.land()
    assert reconcile(shop, delivered).is_sound
    assert not has_new("shop")


@pytest.mark.parametrize("rounds", [12, pytest.param(200, marks=pytest.mark.prove)])
def test_killed_at_random_times_again_and_again_nothing_is_lost_or_duplicated(shop: Shop, rounds: int) -> None:
    rng = random.Random(rounds)
    delivered = Delivered()
    deliver(shop, delivered, 0)
    longest = children.seconds_of(children.land)
    phases: Counter[str] = Counter()
    for day in range(1, rounds + 1):
        deliver(shop, delivered, day)
        if day % 10 == 0:  # one that still has to load its program
            phases["loading" if kill_after(land_in_child(), rng.uniform(0, 2)) else "ended"] += 1
        else:
            child = children.start(children.land)
            phases[child.phase if child.kill_after(rng.uniform(0, 1.5 * longest)) else "ended"] += 1
        assert partial_batches(shop) == 0
    shop.land()
    verdict = reconcile(shop, delivered)
    killed = rounds - phases["ended"]
    print(f"{rounds} rounds, {killed} killed, by the last point passed {dict(phases)}: {verdict}")
    assert verdict.is_sound
    assert killed
    maintain()
    assert reconcile(shop, delivered).is_sound


def test_two_landings_at_once_take_turns(shop: Shop) -> None:
    delivered = Delivered()
    for day in range(4):
        deliver(shop, delivered, day, rows=500)
    children = [land_in_child() for _ in range(3)]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    assert reconcile(shop, delivered).is_sound


def test_restored_table_lands_again_what_the_restore_took_away(shop: Shop) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    deliver(shop, delivered, 1)
    shop.land()
    table = open_table(BRONZE)
    assert table is not None
    table.restore(0)
    assert read_state(BRONZE)["streams"]["files"]["batch"] == 0
    assert has_new("shop")
    shop.land()
    assert [row for (row,) in shop.rows("count(distinct sale_id)")] == [40]

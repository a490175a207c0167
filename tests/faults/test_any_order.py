"""Late and duplicate rows in any order of arrival end in one identical table, with the same counters."""

import random
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import reset_settings
from ingestion.connectors.drops import files
from tests.landing_lake import NOW, Shop, sale

#: Where and when a row came, the only thing that the order of arrival may change.
ARRIVAL = "landed_at, batch_id, source_file"
REFUSED_ARRIVAL = "refused_at, batch_id, source_file, source_position"


def at(day: int) -> dict[str, str]:
    """Times of a row that happened on a day of June and was delivered up to three days late."""
    return {
        "event_at": f"2026-06-{day:02d}T08:00:00+00:00",
        "delivered_at": f"2026-06-{day + day % 4:02d}T09:30:00.000001+00:00",
    }


def history() -> list[dict[str, Any]]:
    """Deliveries to be brought in some order: new keys, new versions of known ones, late rows, bad rows, duplicates."""
    rows = [sale(n, **at(1 + n % 20)) for n in range(6)]
    rows += [sale(n, pieces=3, **at(2 + n % 20)) for n in range(3)]  # a new version each
    rows += [sale(20, **at(1)), sale(21, channel="fax", **at(5)), sale(22, pieces="many", **at(6))]
    rows += [rows[0], rows[0], rows[4], rows[7], rows[-1], rows[-2]]  # the same once more, good ones and bad ones
    return rows


def land_in_order(shop: Shop, home: Path, order: random.Random) -> tuple[Any, ...]:
    """Land the history in a lake of its own, cut anywhere into one to four batches; gives all that must not differ."""
    rows = history()
    order.shuffle(rows)
    cuts = sorted(order.sample(range(1, len(rows)), order.randint(0, 3)))
    shop.home = home
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
        shop.deliver(f"{number}.jsonl", rows[start:end])
    result = shop.land()
    assert result.error is None
    assert result.entities[0].batches == len(cuts) + 1
    counters = shop.counters()
    return (
        shop.rows(f"* exclude ({ARRIVAL})"),
        shop.rows(f"* exclude ({REFUSED_ARRIVAL})", "quarantine"),
        (counters.received, counters.landed, counters.quarantined, counters.doubled),
    )


@pytest.mark.parametrize("orders", [16, pytest.param(1000, marks=pytest.mark.prove)])
@pytest.mark.timeout(3600)
def test_every_order_of_arrival_ends_in_one_identical_table(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, orders: int
) -> None:
    monkeypatch.setattr(files, "BATCH_BYTES", 1)  # a batch for each file
    monkeypatch.setenv("LAKE_NOW", NOW.isoformat())
    outcomes = set()
    for seed in range(orders):
        home = shop.home.parent / f"order-{seed}"
        monkeypatch.setenv("LAKE_HOME", str(home))
        monkeypatch.setenv("LAKE_SOURCE_ROOT", str(home / "sandbox"))
        reset_settings()
        outcomes.add(repr(land_in_order(shop, home, random.Random(seed))))
    print(f"{orders} random orders: {len(outcomes)} outcome")
    assert len(outcomes) == 1
    assert "(18, 10, 2, 6)" in outcomes.pop()

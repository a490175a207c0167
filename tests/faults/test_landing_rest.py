"""An API killed in the middle of its answers and brought back."""

import json
import sys
from pathlib import Path

import pytest

from infra.services.processes import Process, answers, free_port
from ingestion.connectors.apis import rest
from tests.faults import rest_process
from tests.faults.cuts import Cuts
from tests.faults.reconcile import Delivered, reconcile
from tests.landing_lake import Shop, sale


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.prove)])
def test_api_killed_in_mid_answer_and_back_nothing_is_lost_or_duplicated(
    shop: Shop, rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "PAGE_ROWS", 500)
    monkeypatch.setattr(rest, "BATCH_PAGES", 2)
    file, port = tmp_path / "rows.jsonl", free_port()
    file.touch()
    script = str(rest_process.__file__)
    api = Process(
        "API", command=[sys.executable, script, port, file], folder=tmp_path, user=None, is_ready=lambda: answers(port)
    )
    shop.document["servers"] = [{"server": "embedded", "type": "api", "location": f"http://127.0.0.1:{port}"}]
    shop.document["schema"][0]["physicalName"] = "/v1/sales"
    shop.declare()
    delivered, cuts = Delivered(), Cuts(api, seed=rounds)
    api.start()
    try:
        for number in range(rounds):
            good = delivered.add([sale(10_000 * number + n, buyer=None, amount_cny=n / 7) for n in range(3000)])
            bad = delivered.add([sale(10_000 * number + n, channel="fax") for n in range(5)], bad=True)
            again = delivered.add(good[:3]) + delivered.add(bad[:1], bad=True)
            with file.open("a") as rows:
                rows.writelines(json.dumps(row) + "\n" for row in good + bad + again)
            cuts.land_with_a_cut(shop, between=(0.05, 1.0))
        sent = sum(delivered.good.values()) + sum(delivered.bad.values())
        cuts.land_all(shop, lambda: shop.counters().received >= sent)
    finally:
        api.stop()
    verdict = reconcile(shop, delivered, "rest")
    print(f"REST: {sent} rows, {cuts}: {verdict}")
    assert verdict.is_sound

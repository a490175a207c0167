"""A followed stream over a long time: the table stays as quick as it was, and a broker that goes comes back."""

import threading
import time
from datetime import timedelta
from statistics import median

import pytest

from contracts.contract_file import load_contract
from infra.services import servers
from ingestion.connectors.streams import kafka
from ingestion.landing import streams
from ingestion.landing.streams import Followed, follow
from lake.sql.connections import connect
from lake.tables import open_table, table_cache
from tests.brokers import KafkaTopic, read_over_kafka
from tests.faults.reconcile import Delivered, reconcile
from tests.landing_lake import NOW, Shop, sale

pytestmark = pytest.mark.skipif(bool(servers.missing(["kafka"])), reason="Kafka is not on this machine")
BRONZE = "bronze/shop/sales"
ROWS = 10


@pytest.mark.parametrize("commits", [300, pytest.param(10_000, marks=pytest.mark.prove)])
@pytest.mark.timeout(3600)
def test_commit_costs_the_same_after_many(
    shop: Shop, kafka_broker: str, commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured as CPU, which other work on the machine changes little; maintenance is in the time of its commit."""
    monkeypatch.setattr(kafka, "BATCH_MESSAGES", ROWS)
    topic = KafkaTopic(kafka_broker).create()
    read_over_kafka(shop, topic)
    moments = [(NOW - timedelta(hours=20) + timedelta(milliseconds=100 * n)).isoformat() for n in range(commits * ROWS)]
    topic.send([sale(n, event_at=at, delivered_at=at) for n, at in enumerate(moments)])
    contract = load_contract("shop")
    followed = Followed(contract, contract.entities["sales"])
    cpu, wall = list[float](), list[float]()
    with connect() as connection, table_cache():
        while len(cpu) < commits:
            started = time.process_time(), time.perf_counter()
            received = followed.land(connection)
            followed.maintain()
            assert followed.trouble is None
            if received:
                cpu.append((time.process_time() - started[0]) * 1000)
                wall.append((time.perf_counter() - started[1]) * 1000)
        followed.close()
    part = streams.MAINTAIN_COMMITS * 2
    first, last = slice(10, 10 + part), slice(-part, None)
    before, after = sum(cpu[first]) / part, sum(cpu[last]) / part
    table = open_table(BRONZE)
    assert table is not None
    log = len(list((shop.home / "delta" / BRONZE / "_delta_log").glob("*.json")))
    print(
        f"{commits} commits of {ROWS} rows: {before:.1f} ms CPU each at first, {after:.1f} ms at the end, ratio"
        f" {after / before:.2f} (wall {median(wall[first]):.0f} and {median(wall[last]):.0f} ms);"
        f" {len(table.file_uris())} files, {log} commits in the log"
    )
    assert shop.counts().landed == commits * ROWS
    assert after / before <= 2
    assert log <= (streams.POLICY.log_versions or 0) + 2 * part


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.prove)])
def test_follower_goes_on_when_the_broker_was_killed_and_is_back(
    shop: Shop, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "TICK_SECONDS", 0.2)
    delivered, stop = Delivered(), threading.Event()
    with servers.running(["kafka"]) as services:
        topic = KafkaTopic(services.kafka or "", partitions=2).create()
        read_over_kafka(shop, topic)
        thread = threading.Thread(target=follow, args=(["shop"],), kwargs={"stop": stop})
        thread.start()
        try:
            for number in range(rounds):
                topic.send(delivered.add([sale(1000 * number + n, buyer=None, amount_cny=1.5) for n in range(500)]))
                services.processes["kafka"].kill()
                services.processes["kafka"].start()
            until = time.monotonic() + 60
            while shop.counters().received < 500 * rounds and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            stop.set()
            thread.join(60)
    verdict = reconcile(shop, delivered, "kafka")
    print(f"follower, {500 * rounds} messages, broker killed {rounds} times: {verdict}")
    assert verdict.is_sound

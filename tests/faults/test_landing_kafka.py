"""Kafka's broker killed in the middle of landings and brought back; landing killed around its commit."""

import pytest

from infra.services import servers
from ingestion.connectors.streams import kafka
from tests.brokers import KafkaTopic, read_over_kafka
from tests.faults import children
from tests.faults.cuts import Cuts
from tests.faults.reconcile import Delivered, reconcile
from tests.landing_lake import Shop, sale

pytestmark = pytest.mark.skipif(bool(servers.missing(["kafka"])), reason="Kafka is not on this machine")


def send(topic: KafkaTopic, delivered: Delivered, number: int, rows: int) -> None:
    """Good rows, bad rows, and duplicates of both."""
    good = delivered.add([sale(10_000 * number + n, buyer=None, amount_cny=n / 7) for n in range(rows)])
    bad = delivered.add([sale(10_000 * number + n, channel="fax") for n in range(5)], bad=True)
    topic.send(good + bad + delivered.add(good[:3]) + delivered.add(bad[:1], bad=True))


@pytest.mark.parametrize("rounds", [1, pytest.param(12, marks=pytest.mark.prove)])
def test_broker_killed_in_mid_run_and_back_nothing_is_lost_or_duplicated(
    shop: Shop, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BATCH_MESSAGES", 500)
    delivered = Delivered()
    with servers.running(["kafka"]) as services:
        topic = KafkaTopic(services.kafka or "", partitions=3).create()
        read_over_kafka(shop, topic)
        cuts = Cuts(services.processes["kafka"], seed=rounds)
        for number in range(rounds):
            send(topic, delivered, number, rows=3000)
            cuts.land_with_a_cut(shop, between=(0.05, 0.5))
        sent = sum(delivered.good.values()) + sum(delivered.bad.values())
        cuts.land_all(shop, lambda: shop.counters().received >= sent)
    verdict = reconcile(shop, delivered, "kafka")
    print(f"Kafka: {sent} messages, {cuts}: {verdict}")
    assert verdict.is_sound


@pytest.mark.parametrize("point", ["landing.committed", pytest.param("landing.quarantined", marks=pytest.mark.prove)])
def test_landing_killed_around_its_commit_reads_each_message_once(shop: Shop, kafka_broker: str, point: str) -> None:
    topic, delivered = KafkaTopic(kafka_broker, partitions=2).create(), Delivered()
    read_over_kafka(shop, topic)
    for number in range(2):
        send(topic, delivered, number, rows=50)
        assert children.start(children.land, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    shop.land()
    assert reconcile(shop, delivered, "kafka").is_sound

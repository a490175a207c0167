"""Mosquitto stopped in the middle of landings and started again; landing killed around its commit."""

import threading

import pytest

from infra.services import servers
from ingestion.connectors.streams import mqtt
from tests.brokers import MqttTopic, read_over_mqtt
from tests.faults import children
from tests.faults.cuts import Cuts
from tests.faults.reconcile import Delivered, reconcile
from tests.landing_lake import Shop, sale

pytestmark = pytest.mark.skipif(bool(servers.missing(["mosquitto"])), reason="Mosquitto is not on this machine")


@pytest.mark.parametrize("rounds", [3, pytest.param(40, marks=pytest.mark.prove)])
def test_broker_stopped_in_mid_run_and_back_nothing_is_lost_or_duplicated(
    shop: Shop, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "BATCH_MESSAGES", 300)
    monkeypatch.setattr(mqtt, "QUIET_SECONDS", 0.5)
    delivered = Delivered()
    with servers.running(["mosquitto"]) as services:
        topic = MqttTopic(services.mqtt or "")
        read_over_mqtt(shop, topic)
        shop.land()  # the session begins
        cuts = Cuts(services.processes["mosquitto"], is_hard=False, seed=rounds)
        for number in range(rounds):
            good = delivered.add([sale(10_000 * number + n, buyer=None, amount_cny=n / 7) for n in range(1500)])
            bad = delivered.add([sale(10_000 * number + n, channel="fax") for n in range(5)], bad=True)
            sender = threading.Thread(target=topic.send, args=(good + bad,))
            sender.start()
            cuts.land_with_a_cut(shop, between=(0.05, 1.0))
            sender.join()
        sent = len(delivered.good) + len(delivered.bad)
        cuts.land_all(shop, lambda: shop.counters().landed + shop.counters().quarantined >= sent)
        cuts.land_all(shop, lambda: shop.land().state == "idle")
    verdict = reconcile(shop, delivered, "mqtt")
    again = shop.counters().received - sent
    print(f"MQTT: {sent} messages, {cuts}, {again} came again over a new connection: {verdict}")
    # Who sends with QoS 1 sends again what it saw no answer to: such a message comes twice, and counts as a duplicate.
    assert (verdict.lost, verdict.doubled, verdict.half_batches) == (0, 0, 0)
    assert shop.counts().doubled == again


@pytest.mark.parametrize("point", ["landing.committed", pytest.param("landing.quarantined", marks=pytest.mark.prove)])
def test_landing_killed_before_it_acknowledges_counts_each_message_once(
    shop: Shop, mqtt_broker: str, point: str
) -> None:
    topic, delivered = MqttTopic(mqtt_broker), Delivered()
    read_over_mqtt(shop, topic)
    shop.land()
    for number in range(2):
        good = delivered.add([sale(100 * number + n, buyer=None, amount_cny=n / 7) for n in range(50)])
        topic.send(good + delivered.add([sale(100 * number, pieces="many")], bad=True))
        assert children.start(children.land, LAKE_CRASH_AT=point).end() == children.SIGKILLED
    shop.land()
    shop.land()
    assert reconcile(shop, delivered, "mqtt").is_sound

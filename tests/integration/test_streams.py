"""Streams followed as they flow: micro-batches, troubles reported while the others go on, an end without a loss."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from contracts.contract_file import ContractError
from contracts.settings import PROJECT_ROOT
from ingestion.connectors.streams import kafka
from ingestion.landing import streams
from ingestion.landing.streams import Followed, follow
from tests.brokers import KafkaTopic, MqttTopic, read_over_kafka, read_over_mqtt, wait_until
from tests.landing_lake import Shop, sale


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "TICK_SECONDS", 0.1)


@contextmanager
def following(said: list[str] | None = None) -> Iterator[list[Followed]]:
    """Follow the shop in a thread; the list holds what came of it once the body has ended."""
    stop, found = threading.Event(), list[Followed]()

    def run() -> None:
        found.extend(follow(["shop"], stop=stop, progress=(said if said is not None else []).append))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_kafka_topic_is_landed_while_it_flows_and_grows(
    shop: Shop, kafka_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "LOOK_AGAIN_SECONDS", 0.3)
    topic = KafkaTopic(kafka_broker).create()
    read_over_kafka(shop, topic)
    with following() as found:
        for number in range(3):
            topic.send([sale(10 * number + n) for n in range(10)])
            wait_until(lambda: shop.counters().landed == 10 * (number + 1))  # noqa: B023
        topic.grow(2)
        topic.send([sale(100), b"no json"], partition=1)
        wait_until(lambda: shop.counters().received == 32)
    counts = shop.counts()
    assert (counts.landed, counts.quarantined, counts.doubled) == (31, 1, 0)
    (each,) = found
    assert (each.counts.received, each.batches >= 4, each.trouble) == (32, True, None)
    assert shop.land().state == "idle", "a run goes on where the follower stopped"


def test_run_and_follower_of_one_topic_land_each_row_once(shop: Shop, kafka_broker: str) -> None:
    topic = KafkaTopic(kafka_broker).create()
    read_over_kafka(shop, topic)
    with following():
        for number in range(4):
            topic.send([sale(10 * number + n) for n in range(10)])
            shop.land()
        wait_until(lambda: shop.counters().landed == 40)
    assert shop.counts().received == 40


def test_command_ends_after_its_batch_with_all_acknowledged(shop: Shop, mqtt_broker: str) -> None:
    topic = MqttTopic(mqtt_broker)
    read_over_mqtt(shop, topic)
    shop.land()  # the session begins
    command = [sys.executable, "-m", "cli", "stream", "--source", "shop"]
    child = subprocess.Popen(command, cwd=PROJECT_ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True)
    try:
        topic.send([sale(n) for n in range(200)])
        wait_until(lambda: shop.counters().landed > 0)
        topic.send([sale(n) for n in range(200, 400)])
    finally:
        child.send_signal(signal.SIGTERM)
        said, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "shop/sales:" in said
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed) == (400, 400)


def test_broker_that_is_away_is_reported_once_and_followed_when_it_is_there(shop: Shop, kafka_broker: str) -> None:
    topic = KafkaTopic(kafka_broker)
    read_over_kafka(shop, topic)  # not created yet
    said: list[str] = []
    with following(said):
        wait_until(lambda: len(said) > 0)
        topic.create()
        topic.send([sale(1)])
        wait_until(lambda: shop.counters().landed == 1)
    assert f"no topic {topic.name}" in said[0]
    assert "cure" in said[0]
    assert "goes on" in said[1]


def test_source_without_a_stream_is_rejected_with_cure(shop: Shop) -> None:
    with pytest.raises(ContractError, match="no stream") as rejected:
        follow(["shop"], stop=threading.Event(), seconds=1)
    assert "kafka" in rejected.value.cure
    with pytest.raises(ContractError, match="no source has a stream"):
        follow(stop=threading.Event(), seconds=1)


def test_time_that_is_up_ends_it(shop: Shop, kafka_broker: str) -> None:
    topic = KafkaTopic(kafka_broker).create()
    read_over_kafka(shop, topic)
    topic.send([sale(1)])
    started = time.monotonic()
    (each,) = follow(["shop"], stop=threading.Event(), seconds=1.5)
    assert time.monotonic() - started < 10
    assert each.counts.landed == 1

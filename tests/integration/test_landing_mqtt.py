"""Messages of devices over a real broker: each once, whatever it holds, acknowledged only when it is kept."""

import json
import threading
import time
from typing import Any

import pytest

from contracts.contract_file import load_contract
from ingestion.connectors import live_connector
from ingestion.connectors.streams import mqtt, mqtt_session
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected
from lake.tables import table_version
from tests.brokers import MqttTopic, read_over_mqtt
from tests.landing_lake import Shop, sale


@pytest.fixture
def topic(shop: Shop, mqtt_broker: str, monkeypatch: pytest.MonkeyPatch) -> MqttTopic:
    topic = MqttTopic(mqtt_broker)
    read_over_mqtt(shop, topic)
    monkeypatch.setattr(mqtt, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(mqtt, "PEEK_SECONDS", 0.3)
    assert shop.land().state == "idle"  # the session begins
    return topic


def test_messages_land_once_and_a_quiet_topic_is_no_new_version(
    shop: Shop, topic: MqttTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "BATCH_MESSAGES", 20)
    topic.send([sale(n) for n in range(50)])
    assert has_new("shop")
    shop.land()
    assert shop.counts().landed == 50
    version = table_version("bronze/shop/sales")
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version
    topic.send([sale(50), sale(50), sale(51, pieces="x")])
    shop.land()
    counts = shop.counts()
    assert (counts.landed, counts.doubled, counts.quarantined) == (51, 1, 1)


def test_message_with_several_records_lands_each(shop: Shop, topic: MqttTopic) -> None:
    rows = [sale(n, buyer="a\nb") for n in range(7)]
    lines = "\n".join(json.dumps(row) for row in rows[3:6]) + "\n\n"
    broken = lines.replace('"S4"', '"S4')  # one line of three
    topic.send([rows[:3], lines.encode(), json.dumps(rows[6], indent=1).encode(), broken.replace("S", "T").encode()])
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (10, 7, 3)


def test_what_is_no_record_is_kept_in_quarantine(shop: Shop, topic: MqttTopic) -> None:
    large = b'{"sale_id": "' + b"x" * 3_000_000
    topic.send([sale(1), b"not json", b"", b"\xff\xfe{}", b"[]", b"3", b"null", large, sale(2)])
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (9, 2, 7)
    assert {r.reason for r in list_rejected()} == {"unreadable"}
    assert not has_new("shop")


def test_large_messages_wait_at_the_broker_and_not_in_memory(
    shop: Shop, topic: MqttTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_session, "WAITING_BYTES", 1 << 20)
    monkeypatch.setattr(mqtt, "BATCH_BYTES", 1 << 20)
    topic.send([sale(n, buyer="x" * 400_000) for n in range(20)])
    shop.land()
    assert shop.counts().landed == 20
    assert len({batch for (batch,) in shop.rows("batch_id")}) >= 6


def test_retained_message_lands_once_and_not_with_every_run(
    shop: Shop, mqtt_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "QUIET_SECONDS", 0.3)
    topic = MqttTopic(mqtt_broker)
    read_over_mqtt(shop, topic)
    topic.send([sale(1)], retain=True)
    for _ in range(3):
        shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed) == (1, 1)
    assert shop.land().state == "idle"


def test_message_that_a_look_has_seen_is_counted_once(shop: Shop, topic: MqttTopic) -> None:
    topic.send([sale(n) for n in range(5)])
    assert has_new("shop")
    assert has_new("shop")
    shop.land()
    assert (shop.counts().received, shop.counts().landed) == (5, 5)


def test_landing_that_failed_acknowledges_nothing(
    shop: Shop, topic: MqttTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    topic.send([sale(n) for n in range(5)])
    with monkeypatch.context() as patched:
        patched.setattr("ingestion.landing.batches.commit_batch", fail)
        assert shop.land().state == "failed"
    shop.land()
    assert (shop.counts().received, shop.counts().landed) == (5, 5)


def test_stream_without_an_end_does_not_keep_a_run_for_ever(
    shop: Shop, topic: MqttTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "BATCH_SECONDS", 0.5)
    monkeypatch.setattr(mqtt, "RUN_SECONDS", 2.0)
    stop = threading.Event()

    def send() -> None:
        number = 0
        while not stop.is_set():
            topic.send([sale(number + n) for n in range(10)])
            number += 10

    sender = threading.Thread(target=send)
    sender.start()
    try:
        started = time.monotonic()
        shop.land()
        assert time.monotonic() - started < 8
    finally:
        stop.set()
        sender.join()
    assert shop.counts().landed > 0


def test_session_that_another_process_follows_is_left_to_it(shop: Shop, topic: MqttTopic) -> None:
    contract = load_contract("shop")
    follower = live_connector(contract, contract.entities["sales"])
    assert not follower.has_new(None)
    try:
        topic.send([sale(1)])
        assert shop.land().state == "idle"
        assert not has_new("shop")
        until = time.monotonic() + 10
        while not follower.has_new(None):
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        follower.close()
    shop.land()
    assert shop.counts().landed == 1


def test_broker_that_is_away_is_reported_within_seconds(shop: Shop, mqtt_broker: str) -> None:
    read_over_mqtt(shop, MqttTopic("mqtt://127.0.0.1:1"))
    started = time.monotonic()
    result = shop.land()
    assert time.monotonic() - started < 5
    assert result.state == "failed"
    assert "127.0.0.1:1" in (result.error or "")
    assert result.cure

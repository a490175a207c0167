"""Real brokers for tests, with topics of a test's own; a fault test starts one of its own to cut off."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from infra.services import servers
from tests.landing_lake import Shop


def wait_until(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    """Ask again and again; fails where it takes longer."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.fixture(scope="module")
def kafka_broker() -> Iterator[str]:
    """Address of a Kafka broker that stays up; tests must not stop it.

    One a file: to start it costs 5 s of processor time, to keep it idle to the session's end 50 s and more.
    """
    if absent := servers.missing(["kafka"]):
        pytest.skip(f"not on this machine: {', '.join(absent[:3])}")
    with servers.running(["kafka"]) as services:
        yield services.kafka or ""


@pytest.fixture(scope="session")
def mqtt_broker() -> Iterator[str]:
    """Address of a Mosquitto that stays up; tests must not stop it."""
    if absent := servers.missing(["mosquitto"]):
        pytest.skip(f"not on this machine: {', '.join(absent)}")
    with servers.running(["mosquitto"]) as services:
        yield services.mqtt or ""


@dataclass
class MqttTopic:
    """The topic of a test's shop, and who sends to it."""

    address: str
    name: str = field(default_factory=lambda: f"shop-{uuid.uuid4().hex[:8]}")

    def send(self, payloads: Sequence[Any], *, retain: bool = False) -> None:
        """Rows as JSON and bytes as they are, each taken by the broker (QoS 1)."""
        parts = urlsplit(self.address)
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        client.max_inflight_messages_set(1000)
        client.connect(parts.hostname or "", parts.port or 0)
        client.loop_start()
        try:
            raw = [p if isinstance(p, bytes) else json.dumps(p, ensure_ascii=False).encode() for p in payloads]
            for sent in [client.publish(f"{self.name}/sales", payload, qos=1, retain=retain) for payload in raw]:
                sent.wait_for_publish(30)
                assert sent.is_published()
        finally:
            client.disconnect()
            client.loop_stop()


def read_over_mqtt(shop: Shop, topic: MqttTopic) -> None:
    """Let the shop's contract say that its sales come over a broker."""
    parts = urlsplit(topic.address)
    shop.document["servers"] = [
        {
            "server": "embedded", "type": "custom", "format": "mqtt", "host": parts.hostname, "port": parts.port,
            "stream": f"{topic.name}/#",
        }
    ]  # fmt: skip
    shop.declare()


@dataclass
class KafkaTopic:
    """A topic of a test's own, and who sends to it."""

    address: str
    partitions: int = 1
    name: str = field(default_factory=lambda: f"sales-{uuid.uuid4().hex[:8]}")
    settings: dict[str, str] = field(default_factory=dict)

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address.partition("://")[2], "log_level": 0})

    def create(self) -> "KafkaTopic":
        topic = NewTopic(self.name, self.partitions, 1, config=self.settings)
        self.admin.create_topics([topic])[self.name].result(20)
        return self

    def delete(self) -> None:
        self.admin.delete_topics([self.name])[self.name].result(20)

    def grow(self, partitions: int) -> None:
        self.admin.create_partitions([NewPartitions(self.name, partitions)])[self.name].result(20)
        self.partitions = partitions

    def set(self, **settings: str) -> None:
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self.name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(20)

    def producer(self, **settings: Any) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self.address.partition("://")[2],
                "log_level": 0,
                "linger.ms": 5,
                "message.max.bytes": 16 << 20,
                "enable.idempotence": True,
            }
            | settings
        )

    def send(self, values: Sequence[Any], *, partition: int | None = None, key: str | None = None) -> None:
        """Rows as JSON, bytes and None as they are, over the partitions in turn."""
        producer = self.producer()
        for number, value in enumerate(values):
            raw = value if value is None or isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
            chosen = number % self.partitions if partition is None else partition
            producer.produce(self.name, raw, key=key, partition=chosen)
        assert producer.flush(30) == 0


def read_over_kafka(shop: Shop, topic: KafkaTopic) -> None:
    """Let the shop's contract say that its sales come over a topic."""
    host, _, port = topic.address.partition("://")[2].partition(":")
    shop.document["servers"] = [
        {"server": "embedded", "type": "kafka", "host": host, "port": int(port), "format": "json", "stream": topic.name}
    ]
    shop.declare()

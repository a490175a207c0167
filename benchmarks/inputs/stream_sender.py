"""Sends rows of a source to a broker at a steady rate, for the benchmark of streams.

`python -m benchmarks.inputs.stream_sender ADDRESS TOPIC RATE SECONDS`

A row's `event_at` is the moment at which it is handed to the broker's client. A process of its own, so that it shares
no interpreter with what is measured.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from confluent_kafka import Producer
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

Send = Callable[[bytes], object]


def row(topic: str, number: int) -> dict[str, object]:
    """A row that keeps the contract of the topic's entity: `devices/readings` or `web_app.clicks`."""
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    times = {"event_at": now, "delivered_at": now}
    if topic == "devices/readings":
        return {
            "reading_id": f"R{number:08d}", "device_serial": f"D{number % 997:05d}", "kind": "wearable",
            "metric": "heart_rate", "value": 60 + number % 60, "unit": "bpm", "threshold": None, **times,
        }  # fmt: skip
    return {
        "click_id": f"C{number:08d}", "session_id": f"S{number % 997:05d}", "cookie_id": f"K{number % 499:05d}",
        "device_id": None, "page": "/offers", "element": "apply", **times,
    }  # fmt: skip


def send(address: str, *, topic: str, rate: float, seconds: float) -> int:
    """Send at a rate (rows a second) for so long; returns the number of rows, all of them taken by the broker."""
    started, number = time.perf_counter(), 0
    with (_kafka if address.startswith("kafka") else _mqtt)(address, topic) as publish:
        while (at := number / rate) < seconds:
            time.sleep(max(0.0, started + at - time.perf_counter()))
            publish(json.dumps(row(topic, number)).encode())
            number += 1
    return number


@contextmanager
def _kafka(address: str, topic: str) -> Iterator[Send]:
    producer = Producer({"bootstrap.servers": urlsplit(address).netloc, "linger.ms": 0, "log_level": 0})

    def publish(payload: bytes) -> None:
        producer.produce(topic, payload)
        producer.poll(0)

    yield publish
    producer.flush(30)


@contextmanager
def _mqtt(address: str, topic: str) -> Iterator[Send]:
    parts = urlsplit(address)
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.max_inflight_messages_set(1000)
    client.connect(parts.hostname or "", parts.port or 0)
    client.loop_start()
    sent = []
    yield lambda payload: sent.append(client.publish(topic, payload, qos=1))
    for each in sent:
        each.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    print(send(sys.argv[1], topic=sys.argv[2], rate=float(sys.argv[3]), seconds=float(sys.argv[4])))

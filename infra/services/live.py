"""The devices' last day, sent live: one MQTT message (QoS 1) per row, in the order of delivery.

The day's drop files are put aside first, so that its rows come over the broker only. Topics are
`devices/<entity>`, the payload is the row's JSON document as in the drop.
"""

import gzip
import json
import queue
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from contracts.contract_file import load_contract
from infra.services.servers import ServiceError

SOURCE = "devices"
_ASIDE, _DROPS = ".live", "*.jsonl.gz"


def hold_back_last_day(root: Path) -> dict[str, Path]:
    """Move the newest day's drops out of the readers' sight; gives entity -> file. May be repeated on a later day."""
    entities = load_contract(SOURCE).entities.values()
    folders = {entity.name: root / SOURCE / entity.physical_name.partition("/")[0] for entity in entities}
    newest = max((path.name for folder in folders.values() for path in folder.rglob(_DROPS)), default="")
    last_days: dict[str, Path] = {}
    for name, folder in folders.items():
        aside = folder / _ASIDE / newest
        if (folder / newest).is_file():
            aside.parent.mkdir(exist_ok=True)
            (folder / newest).rename(aside)
        if aside.is_file():
            last_days[name] = aside
    return last_days


def publish_day(files: dict[str, Path], address: str, *, patience: float = 60.0) -> int:
    """Publish the rows of drop files (entity -> file) and wait until the broker has taken every one.

    Returns the number of messages.

    Raises:
        ServiceError: the broker is not there, or does not take them in `patience` seconds.
    """
    parts = urlsplit(address)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="sandbox-gateway", protocol=mqtt.MQTTv5)
    client.max_queued_messages_set(0)
    try:
        client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
    except OSError as error:
        raise ServiceError(f"no broker at {parts.netloc}: {error}", cure="start Mosquitto and try again") from None
    client.loop_start()
    try:
        taken = [
            client.publish(f"{SOURCE}/{entity}", line, qos=1)
            for entity, path in sorted(files.items())
            for line in _in_order(gzip.decompress(path.read_bytes()))
        ]
        for message in taken:
            message.wait_for_publish(patience)
            if not message.is_published():
                raise ServiceError(f"the broker at {parts.netloc} does not take messages", cure="look at its log")
    finally:
        client.disconnect()
        client.loop_stop()
    return len(taken)


def _in_order(content: bytes) -> list[bytes]:
    """Lines by time of delivery."""
    return sorted(content.splitlines(), key=lambda line: str(json.loads(line).get("delivered_at", "")))


def subscriptions(address: str, *, patience: float = 10.0) -> int:
    """How many subscriptions the broker keeps, also of sessions that are away (Mosquitto's own count, a second old)."""
    parts = urlsplit(address)
    counted: queue.SimpleQueue[int] = queue.SimpleQueue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = lambda _client, _data, message: counted.put(int(message.payload))
    try:
        client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
        client.subscribe("$SYS/broker/subscriptions/count")
        client.loop_start()
        return counted.get(timeout=patience)
    except (OSError, queue.Empty):
        return 0
    finally:
        client.disconnect()
        client.loop_stop()

"""MQTT 5 (QoS 1, persistent session): what devices send, live. Committed first, acknowledged after.

The broker keeps what is not acknowledged: a crash before the commit brings the messages again, a crash after it too,
and then they are known by their content. The session is the cursor; it begins with the first run, which subscribes.
Topics are `<source>/<entity>`, or below it; a message is one record's JSON.
"""

import hashlib
import queue
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import duckdb
import pyarrow as pa
from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from ingestion.connectors.base import Cursor, Delivery, Indivisible, UnreachableError, literal
from ingestion.contract import Entity
from lake.settings import load_settings

#: Messages of one batch; MQTT allows 65,535 to be on the way unacknowledged.
BATCH_MESSAGES = 50_000
#: The queue is empty when nothing came for so long.
QUIET_SECONDS = 1.0
PEEK_SECONDS = 0.5
CONNECT_SECONDS = 5.0
_FOR_EVER = 0xFFFFFFFF
_MESSAGES = pa.schema([("line", pa.string())])


class MqttConnector(Indivisible):
    """One entity's topic on a broker."""

    stream = "mqtt"
    is_live = True

    def __init__(self, url: str, topics: str, entity: Entity, *, follow: bool = False) -> None:
        self.follow = follow
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 1883
        self.login = (parts.username, parts.password) if parts.username else None
        self.is_secure = parts.scheme == "mqtts"
        self.entity = entity
        self.topic = f"{topics.removesuffix('#').rstrip('/')}/{entity.name}/#"
        # One session per lake and entity: two lakes on one broker each get every message.
        lake = hashlib.blake2b(str(load_settings().home).encode(), digest_size=6).hexdigest()
        self.client_id = f"customer-lake-{lake}-{entity.source}-{entity.name}"
        self._client: Client | None = None
        self._arrived: queue.SimpleQueue[MQTTMessage] = queue.SimpleQueue()
        self._fresh: list[MQTTMessage] = []

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a message waits; it is only looked at, and stays with the broker."""
        self._connect(receive_maximum=1)
        try:
            return self._next(PEEK_SECONDS) is not None
        finally:
            self.close()

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The messages that wait: those delivered before and never acknowledged first, in a batch of their own."""
        if self._client is None:
            self._connect(receive_maximum=65_535)
        if not self._fresh:
            again: list[MQTTMessage] = []
            while len(again) + len(self._fresh) < BATCH_MESSAGES and (message := self._next(QUIET_SECONDS)):
                (again if message.dup else self._fresh).append(message)
            if again:
                return self._deliver(connection, again, is_redelivered=True)
        fresh, self._fresh = self._fresh, []
        return self._deliver(connection, fresh, is_redelivered=False) if fresh else None

    def close(self) -> None:
        """Send what is to be sent and go; the broker keeps the session."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None
        self._fresh.clear()
        self._arrived = queue.SimpleQueue()

    def _deliver(
        self, connection: duckdb.DuckDBPyConnection, messages: list[MQTTMessage], *, is_redelivered: bool
    ) -> Delivery:
        lines = [message.payload.decode("utf-8", errors="backslashreplace") for message in messages]
        connection.register("mqtt_messages", pa.table({"line": lines}, schema=_MESSAGES))
        return Delivery(
            query=f"select line, {literal(self.topic)} as source_file, null::bigint as source_position from mqtt_messages",
            columns=None,
            cursor={},
            is_redelivered=is_redelivered,
            acknowledge=self._acknowledger(messages),
        )

    def _acknowledger(self, messages: list[MQTTMessage]) -> Callable[[], None]:
        def acknowledge() -> None:
            for message in messages:
                if self._client is not None:
                    self._client.ack(message.mid, message.qos)

        return acknowledge

    def _next(self, seconds: float) -> MQTTMessage | None:
        try:
            return self._arrived.get(timeout=seconds)
        except queue.Empty:
            return None

    def _connect(self, *, receive_maximum: int) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=MQTTv5, manual_ack=True)
        client.connect_timeout = CONNECT_SECONDS
        if self.login:
            client.username_pw_set(*self.login)
        if self.is_secure:
            client.tls_set()
        subscribed = threading.Event()

        def subscribe(*_: object) -> None:
            client.subscribe(self.topic, qos=1)

        client.on_connect = subscribe
        client.on_subscribe = lambda *_: subscribed.set()
        arrived = self._arrived
        client.on_message = lambda _client, _data, message: arrived.put(message)
        wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wanted.SessionExpiryInterval = _FOR_EVER
        wanted.ReceiveMaximum = receive_maximum
        try:
            client.connect(self.host, self.port, clean_start=False, properties=wanted)
        except OSError as error:
            raise self._unreachable(error.strerror or type(error).__name__) from None
        client.loop_start()
        self._client = client
        if not subscribed.wait(CONNECT_SECONDS):
            self.close()
            raise self._unreachable("it does not take the subscription")

    def _unreachable(self, problem: str) -> UnreachableError:
        return UnreachableError(
            f"{self.entity.source}: the MQTT broker at {self.host}:{self.port} cannot be reached: {problem}",
            cure="start the broker or make it reachable, then run again; it keeps what the devices send meanwhile",
        )

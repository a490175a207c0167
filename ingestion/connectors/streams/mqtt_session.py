"""One persistent MQTT 5 session: connected, subscribed, what arrives held in bounded memory until it is acknowledged.

A connection that breaks is made again by itself. What had arrived over the broken one is forgotten and never
acknowledged later: the broker sends it again, and an old number might by then stand for another message.
"""

import fcntl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from contracts.settings import load_settings

CONNECT_SECONDS = 5.0
#: What may wait in memory; beyond it the broker keeps what it has.
WAITING_BYTES = 64 << 20
#: MQTT allows so many messages to be on the way unacknowledged.
MAX_UNACKNOWLEDGED = 65_535
#: Long, since nothing is said to the broker while a full memory holds the connection's thread.
_KEEP_ALIVE_SECONDS = 600
_FOR_EVER = 0xFFFFFFFF


class SessionError(Exception):
    """The broker does not take the session; the text says why."""


class SessionTakenError(Exception):
    """Another process of this lake has the session."""


@dataclass(frozen=True)
class Arrived:
    """A message and the connection it came over."""

    message: MQTTMessage
    life: int

    @property
    def size(self) -> int:
        """Its bytes, about."""
        return len(self.message.payload) + 100


class Session:
    """A session by its `client_id`; one process at a time has it, since a second one would throw the first out."""

    def __init__(
        self, host: str, *, port: int, client_id: str, topic: str, login: tuple[str, str | None] | None, is_secure: bool
    ) -> None:
        self.host, self.port, self.client_id, self.topic = host, port, client_id, topic
        self.login, self.is_secure = login, is_secure
        self._client: Client | None = None
        self._lock: TextIO | None = None
        self._changed = threading.Condition()
        self._waiting: deque[Arrived] = deque()
        self._bytes = 0
        self._life = 0
        self._is_subscribed = False
        self._refusal = "it does not take the subscription"
        self._away_since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether `open` was called, and `close` not yet."""
        return self._client is not None

    @property
    def seconds_away(self) -> float:
        """How long the broker has been away; 0 while the connection stands."""
        return 0.0 if self._away_since is None else time.monotonic() - self._away_since

    def open(self, *, max_unacknowledged: int = MAX_UNACKNOWLEDGED) -> None:
        """Connect and subscribe.

        Raises:
            SessionTakenError: another process has this session.
            SessionError: the broker is not there, or rejects the connection.
        """
        self._take_lock()
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.client_id, protocol=MQTTv5, manual_ack=True)
        client.connect_timeout = CONNECT_SECONDS
        client.reconnect_delay_set(min_delay=1, max_delay=2)
        if self.login:
            client.username_pw_set(*self.login)
        if self.is_secure:
            client.tls_set()
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        wanted.SessionExpiryInterval = _FOR_EVER
        wanted.ReceiveMaximum = max_unacknowledged
        try:
            client.connect(self.host, self.port, _KEEP_ALIVE_SECONDS, clean_start=False, properties=wanted)
        except OSError as error:
            self._release_lock()
            raise SessionError(error.strerror or type(error).__name__) from None
        self._client = client
        client.loop_start()
        if not self._wait_for(lambda: self._is_subscribed, CONNECT_SECONDS):
            self.close()
            raise SessionError(self._refusal)

    def next(self, seconds: float) -> Arrived | None:
        """The next message, waited for so long."""
        with self._changed:
            if not self._waiting and seconds:
                self._changed.wait_for(lambda: self._waiting, seconds)
            if not self._waiting:
                return None
            arrived = self._waiting.popleft()
            self._bytes -= arrived.size
            self._changed.notify_all()
            return arrived

    @property
    def has_arrived(self) -> bool:
        """Whether a message waits in memory."""
        return bool(self._waiting)

    def is_current(self, arrived: Arrived) -> bool:
        """Whether the connection that a message came over still stands; if not, it comes again."""
        return arrived.life == self._life

    def acknowledge(self, arrived: Arrived) -> None:
        """Tell the broker that a message is kept, over the connection that it came over or not at all."""
        if self._client is not None and self.is_current(arrived):
            self._client.ack(arrived.message.mid, arrived.message.qos)

    def close(self) -> None:
        """Send what is to be sent and go; the broker keeps the session."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            self._forget()  # the thread may wait for room
            client.loop_stop()
        self._forget()
        self._release_lock()

    def _on_connect(self, client: Client, _data: object, flags: Any, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._refusal = f"it rejects the connection ({reason})"
            return
        if flags.session_present:  # what it has kept comes before its answer, and may fill the memory until we read
            self._subscribed()
        once = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe(self.topic, options=once)

    def _on_subscribe(self, _client: Client, _data: object, _mid: int, reasons: Any, _properties: object) -> None:
        if not any(reason.is_failure for reason in reasons):
            self._subscribed()

    def _subscribed(self) -> None:
        with self._changed:
            self._is_subscribed, self._away_since = True, None
            self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        self._away_since = self._away_since or time.monotonic()
        self._forget()

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._changed:
            arrived = Arrived(message, self._life)
            self._changed.wait_for(lambda: self._bytes < WAITING_BYTES or not self.is_current(arrived))
            if self.is_current(arrived):
                self._waiting.append(arrived)
                self._bytes += arrived.size
                self._changed.notify_all()

    def _forget(self) -> None:
        with self._changed:
            self._life += 1
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def _take_lock(self) -> None:
        path = load_settings().home / "locks" / f"{self.client_id}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise SessionTakenError from None
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

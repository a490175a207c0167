"""MQTT 5 (QoS 1, persistent session): what devices send, live. Committed first, acknowledged after.

The broker keeps what is not acknowledged: a crash before the commit brings the messages again, a crash after it too,
and then they are known by their content. The session is the cursor; it begins with the first run, which subscribes
(what a topic retains comes with it, once). Topics are `<source>/<entity>`, or below it; a message is a record's JSON,
or several (`messages`).
"""

import time
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import duckdb

from contracts.contract_file import Entity
from contracts.settings import home_name
from ingestion.connectors.base import Cursor, Delivery, Indivisible, UnreachableError
from ingestion.connectors.streams import messages
from ingestion.connectors.streams.mqtt_session import CONNECT_SECONDS, Arrived, Session, SessionError, SessionTakenError

#: What one batch holds at most, and how long it is gathered while messages keep coming.
BATCH_MESSAGES = 50_000
BATCH_BYTES = 64 << 20
BATCH_SECONDS = 5.0
#: The queue is empty when nothing came for so long.
QUIET_SECONDS = 1.0
PEEK_SECONDS = 0.5
#: A run that reads a stream without an end leaves the rest to the next one.
RUN_SECONDS = 60.0


class MqttConnector(Indivisible):
    """One entity's topic on a broker. With `follow` a read takes what has arrived and never waits."""

    stream = "mqtt"
    is_live = True
    is_stream = True

    def __init__(self, url: str, topics: str, entity: Entity, *, follow: bool = False) -> None:
        parts = urlsplit(url)
        self.entity = entity
        self.follow = follow
        self.topic = f"{topics.removesuffix('#').rstrip('/')}/{entity.name}/#"
        # One session per lake and entity: two lakes on one broker each get every message.
        self.session = Session(
            parts.hostname or "127.0.0.1",
            port=parts.port or 1883,
            client_id=f"customer-lake-{home_name(6)}-{entity.source}-{entity.name}",
            topic=self.topic,
            login=(unquote(parts.username), unquote(parts.password or "")) if parts.username else None,
            is_secure=parts.scheme == "mqtts",
        )
        self._fresh: list[Arrived] = []
        self._until: float | None = None

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a message waits; it is only looked at, and stays with the broker."""
        try:
            if self.follow:
                self._follow()
                return bool(self._fresh) or self.session.has_arrived
            self._open(max_unacknowledged=1)
            return self.session.next(PEEK_SECONDS) is not None
        except SessionTakenError:
            if self.follow:
                raise self._unreachable("another process of this lake follows this topic") from None
            return False  # who has the session lands what comes
        finally:
            if not self.follow:
                self.close()

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The messages that wait: those delivered before and never acknowledged first, in a batch of their own."""
        try:
            self._follow()
        except SessionTakenError:
            return None
        self._fresh = [arrived for arrived in self._fresh if self.session.is_current(arrived)]
        may_wait = self.follow or time.monotonic() < (self._until or 0.0)
        if not self._fresh and may_wait and (again := self._gather()):
            # Until a batch is acknowledged, what it brought comes again, however often landing is cut short.
            return self._deliver(connection, again, redelivered_of=1 + (cursor or {}).get("again", 0))
        fresh, self._fresh = self._fresh, []
        return self._deliver(connection, fresh, redelivered_of=0) if fresh else None

    def close(self) -> None:
        """Send what is to be sent and go; the broker keeps the session."""
        self.session.close()
        self._fresh.clear()

    def _gather(self) -> list[Arrived]:
        """Fill `_fresh` with messages that come for the first time, up to a batch; returns those that come again."""
        again: list[Arrived] = []
        until, size = time.monotonic() + BATCH_SECONDS, 0
        while len(again) + len(self._fresh) < BATCH_MESSAGES and size < BATCH_BYTES and time.monotonic() < until:
            arrived = self.session.next(0.0 if self.follow else QUIET_SECONDS)
            if arrived is None:
                if self.session.seconds_away and not (again or self._fresh):
                    self._await_return()
                    continue
                break
            (again if arrived.message.dup else self._fresh).append(arrived)
            size += arrived.size
        return again

    def _deliver(self, connection: duckdb.DuckDBPyConnection, batch: list[Arrived], *, redelivered_of: int) -> Delivery:
        payloads = [bytes(arrived.message.payload) for arrived in batch]
        table = messages.table(payloads, [self.topic] * len(batch), [None] * len(batch))
        connection.register("mqtt_messages", table)
        return Delivery(
            query=messages.records("mqtt_messages"),
            columns=None,
            cursor={"again": redelivered_of} if redelivered_of else {},
            redelivered_of=redelivered_of,
            escaped="is_escaped",
            acknowledge=self._acknowledger(batch),
        )

    def _acknowledger(self, batch: list[Arrived]) -> Callable[[], None]:
        def acknowledge() -> None:
            for arrived in batch:
                self.session.acknowledge(arrived)

        return acknowledge

    def _follow(self) -> None:
        if not self.session.is_open:
            self._open()
            self._until = time.monotonic() + RUN_SECONDS
        elif self.follow:
            self._await_return()

    def _await_return(self) -> None:
        """Wait a little for a broker that went away; a follower only asks how long it has been."""
        while (away := self.session.seconds_away) > 0:
            if away > CONNECT_SECONDS:
                raise self._unreachable("it has gone away")
            if self.follow:
                return
            time.sleep(0.05)

    def _open(self, **settings: int) -> None:
        try:
            self.session.open(**settings)
        except SessionError as error:
            raise self._unreachable(str(error)) from None

    def _unreachable(self, problem: str) -> UnreachableError:
        place = f"{self.session.host}:{self.session.port}"
        return UnreachableError(
            f"{self.entity.source}: the MQTT broker at {place} cannot be reached: {problem}",
            cure="start the broker or make it reachable, then run again; it keeps what the devices send meanwhile",
        )

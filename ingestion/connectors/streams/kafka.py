"""Kafka: one entity's topic. The lake's own offsets, kept in the commit of the rows, are the truth; no group's are.

Partitions are assigned by hand and read from the cursor (`{"topic_id", "offsets": {partition: next}, "lost"}`) to where
they ended when the run began, committed transactions only. A message is a record's JSON, or several (`messages`); one
that is not JSON, or has no value (a tombstone), is rejected like any other record. What the topic's retention deleted
before it was read is counted and reported, never passed over in silence.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Any

import duckdb
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from contracts.contract_file import ContractError, Entity
from ingestion.connectors.base import Cursor, Delivery, Indivisible, SourceError, Trouble
from ingestion.connectors.streams import messages
from ingestion.connectors.streams.kafka_topics import Broker, Topic

#: What one batch holds at most.
BATCH_MESSAGES = 50_000
BATCH_BYTES = 64 << 20
#: A broker that has more, and brings nothing for so long, is not there.
STALL_SECONDS = 10.0
#: While following: how often new partitions are looked for.
LOOK_AGAIN_SECONDS = 30.0
_POLL_SECONDS = 0.2
_MAX_AT_ONCE, _FIRST_AT_ONCE = 2_000, 20
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_GONE = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


@dataclass
class _Batch:
    """Messages of one batch, by partition."""

    payloads: list[bytes] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, message: Message) -> None:
        value = message.value()
        self.payloads.append(_tombstone(message) if value is None else value)
        self.places.append(f"{message.topic()}/{message.partition()}")
        self.offsets.append(message.offset() or 0)
        self.size += len(value or b"")

    @property
    def is_full(self) -> bool:
        """Whether no more may come."""
        return len(self.payloads) >= BATCH_MESSAGES or self.size >= BATCH_BYTES


class KafkaConnector(Indivisible):
    """One entity's topic. With `follow` a read takes what has arrived and never waits."""

    stream = "kafka"
    is_live = False
    is_stream = True

    def __init__(self, url: str, topic: str, entity: Entity, *, follow: bool = False) -> None:
        self.entity = entity
        self.follow = follow
        self.topic = topic.replace("{entity}", entity.name)
        if not _TOPIC.fullmatch(self.topic):
            raise ContractError(
                f"{entity.source}/{entity.name}: {self.topic!r} cannot be the name of a Kafka topic",
                cure="name the topic in the server's `stream` ({entity} stands for the entity), or in `physicalName`",
            )
        self.broker = Broker(url, entity.source)
        self._consumer: Consumer | None = None
        self._known: Topic | None = None
        self._position: dict[int, int] = {}
        self._given: dict[int, int] | None = None  # offsets of the cursor that the table should hold now
        self._ends: dict[int, int] = {}
        self._looked = 0.0
        self._lost = 0
        self._is_reread = False
        self._ahead: list[Message] = []
        self._troubles: list[Trouble] = []

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a partition goes on after the cursor, or something is wrong with the topic that a read would say."""
        if self.follow:
            return self._has_arrived(cursor)
        topic = self.broker.topic(self.topic)
        if cursor is None:
            return any(topic.ends[number] > topic.starts[number] for number in topic.ends)
        offsets = _offsets(cursor) or {}
        if topic.id != cursor["topic_id"]:
            return True
        return any(end != offsets.get(number, topic.starts[number]) for number, end in topic.ends.items())

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next messages after the cursor, up to where the topic ended when reading began."""
        if self._known is None or _offsets(cursor) != self._given:
            self._begin(cursor)
        before = dict(self._position)
        batch = self._collect()
        if not batch.payloads and (self.follow or self._position == before):
            return None
        table = messages.table(batch.payloads, batch.places, batch.offsets)
        connection.register("kafka_messages", table)
        self._given = dict(self._position)
        return Delivery(
            query=messages.records("kafka_messages"),
            columns=None,
            cursor=self._cursor(),
            is_reread=self._is_reread,
            escaped="is_escaped",
        )

    def troubles(self) -> list[Trouble]:
        """Messages that were gone before they were read."""
        return self._troubles

    def close(self) -> None:
        """Let go of the broker; it keeps nothing of ours."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._known = None
        self._ahead.clear()

    def _cursor(self) -> dict[str, Any]:
        assert self._known is not None
        offsets = {str(number): offset for number, offset in sorted(self._position.items())}
        return {"topic_id": self._known.id, "offsets": offsets, "lost": self._lost}

    def _begin(self, cursor: Cursor | None) -> None:
        """Look the topic up and set out from the cursor, or from the earliest where that is gone."""
        topic = self.broker.topic(self.topic)
        self._ahead.clear()
        self._known, self._looked = topic, time.monotonic()
        self._lost = int((cursor or {}).get("lost", 0))
        self._position = {n: self._start(topic, n, cursor) for n in topic.starts}
        self._ends, self._given = dict(topic.ends), _offsets(cursor)
        if cursor is not None and topic.id != cursor["topic_id"]:
            self._note(
                "was deleted and made anew: messages of the former one that were not read are gone, uncounted",
                "ask the topic's owner whether they are to be sent again",
            )
        if self._consumer is None:
            self._consumer = self.broker.consumer()
        self._consumer.assign([TopicPartition(self.topic, n, at) for n, at in self._position.items()])

    def _start(self, topic: Topic, number: int, cursor: Cursor | None) -> int:
        """Where to read a partition from. Says what is lost, if the earliest message lies after the cursor."""
        earliest, end = topic.starts[number], topic.ends[number]
        if cursor is None or topic.id != cursor["topic_id"]:
            return earliest
        offset = (_offsets(cursor) or {}).get(number, 0)
        if offset > end:
            self._is_reread = True
            self._note(
                f"ends at {end} in partition {number}, before what was read of it ({offset}): the broker has lost "
                "messages; it is read again from its earliest, and what is here already is known",
                "ask the broker's operators what happened, and the topic's owner to send again what is missing",
            )
            return earliest
        if offset < earliest:
            lost = earliest - offset
            self._lost += lost
            self._note(
                f"has lost {lost} messages of partition {number} (offsets {offset} to {earliest - 1}): its retention "
                "deleted them before they were read; landing goes on from the earliest",
                "ask the topic's owner to send them again; lengthen its retention, or land more often",
            )
            return earliest
        return offset

    def _collect(self) -> _Batch:
        """Messages up to the ends, or what a batch may hold; while following, what has arrived."""
        batch = _Batch()
        largest, until = 0, time.monotonic() + STALL_SECONDS
        while not batch.is_full and (self.follow or self._behind()):
            at_once = (BATCH_BYTES - batch.size) // largest if largest else _FIRST_AT_ONCE
            some = self._next(max(1, min(at_once, _MAX_AT_ONCE, BATCH_MESSAGES - len(batch.payloads))))
            for message in some:
                self._take(message, batch)
                largest = max(largest, len(message.value() or b""), 1)
            if some:
                until = time.monotonic() + STALL_SECONDS
            elif self.follow or batch.payloads:
                break  # what is here is landed before anybody waits for more
            elif time.monotonic() > until:
                raise self.broker.unreachable(f"brings nothing more of topic {self.topic}")
        return batch

    def _next(self, most: int) -> list[Message]:
        if self._ahead:
            some, self._ahead = self._ahead, []
            return some
        assert self._consumer is not None
        messages: list[Message] = self._consumer.consume(most, 0 if self.follow else _POLL_SECONDS)
        return messages

    def _take(self, message: Message, batch: _Batch) -> None:
        error, number, offset = message.error(), message.partition() or 0, message.offset() or 0
        if error is None:
            batch.add(message)
            self._position[number] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._position[number] = max(self._position[number], offset)
        elif error.code() in _GONE:  # retention overtook us while we read: the next look says what is lost
            self._known = None
            raise SourceError(
                f"{self.entity.source}: topic {self.topic} deletes messages faster than they are read",
                cure="run again: landing goes on from the earliest and says what is lost; lengthen its retention",
            )
        elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise self.broker.no_topic(self.topic)

    def _behind(self) -> bool:
        return any(self._position[number] < end for number, end in self._ends.items())

    def _has_arrived(self, cursor: Cursor | None) -> bool:
        if self._known is None or time.monotonic() - self._looked > LOOK_AGAIN_SECONDS:
            self._follow_partitions(cursor)
        if not self._ahead:
            self._ahead = self._next(1)
        for message in [m for m in self._ahead if m.error() is not None]:
            self._ahead.remove(message)
            self._take(message, _Batch())
        return bool(self._ahead)

    def _follow_partitions(self, cursor: Cursor | None) -> None:
        """Begin, and begin again where partitions have come; else what has been fetched ahead would be lost."""
        if self._known is not None:
            self._looked = time.monotonic()
            topic = self.broker.topic(self.topic)
            if topic.id == self._known.id and set(topic.starts) == set(self._known.starts):
                return
        self._begin(cursor if self._known is None else self._cursor())

    def _note(self, problem: str, cure: str) -> None:
        place = f"{self.entity.source}/{self.entity.name}"
        self._troubles.append(Trouble(place, message=f"topic {self.topic} {problem}", cure=cure))


def _offsets(cursor: Cursor | None) -> dict[int, int] | None:
    return None if cursor is None else {int(number): int(offset) for number, offset in cursor["offsets"].items()}


def _tombstone(message: Message) -> bytes:
    """A message without a value says only which key is gone; no JSON, so that it is rejected and kept in quarantine."""
    key = message.key() or b""
    return b"tombstone of key " + (key.encode() if isinstance(key, str) else key)

"""A Kafka cluster as seen from outside: whether it is there, what a topic has, and how it is consumed."""

import hashlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from ingestion.connectors.base import SourceError, UnreachableError

#: Until a broker answers; two questions are asked, so that one who is away is given up after twice as long.
ANSWER_SECONDS = 5.0
CONNECT_SECONDS = 3.0
_PORT = 9092


@dataclass(frozen=True)
class Topic:
    """A topic as it is now: earliest offset and end (of what is committed) by partition."""

    id: str
    starts: Mapping[int, int]
    ends: Mapping[int, int]


class Broker:
    """The brokers of one address: `kafka://[user:password@]host:port[,host:port]`, `kafkas://` with TLS."""

    def __init__(self, url: str, source: str) -> None:
        parts = urlsplit(url)
        login, _, self.place = parts.netloc.rpartition("@")
        self.source = source
        self.settings: dict[str, Any] = {
            "bootstrap.servers": self.place,
            "log_level": 0,  # what is wrong is said by our own errors
            "socket.timeout.ms": int(ANSWER_SECONDS * 1000),
            "reconnect.backoff.max.ms": 500,
        }
        is_secure = parts.scheme == "kafkas"
        if login:
            user, _, password = login.partition(":")
            self.settings |= {
                "security.protocol": "SASL_SSL" if is_secure else "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": unquote(user),
                "sasl.password": unquote(password),
            }
        elif is_secure:
            self.settings["security.protocol"] = "SSL"
        self._admin: AdminClient | None = None

    def topic(self, name: str) -> Topic:
        """A topic as it is now.

        Raises:
            UnreachableError: no broker answers in time.
            SourceError: there is no such topic.
        """
        if self._admin is None:
            self._knock()
            self._admin = AdminClient(self.settings)
        try:
            descriptions = self._admin.describe_topics(TopicCollection([name]), request_timeout=ANSWER_SECONDS)
            described = descriptions[name].result()
            numbers = [partition.id for partition in described.partitions]
            starts = self._offsets(name, numbers, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
            ends = self._offsets(name, numbers, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        except KafkaException as error:
            self._admin = None
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise self.no_topic(name) from None
            raise self.unreachable(f"does not describe topic {name} ({error.args[0].name()})") from None
        return Topic(str(described.topic_id), starts, ends)

    def consumer(self) -> Consumer:
        """A consumer that commits nothing, and reads what transactions have committed."""
        group = hashlib.blake2b(self.source.encode(), digest_size=6).hexdigest()
        return Consumer(
            self.settings
            | {
                "group.id": f"customer-lake-{group}",  # librdkafka wants one; the broker never hears of it
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 16 << 10,
                "fetch.queue.backoff.ms": 20,
            }
        )

    def unreachable(self, problem: str) -> UnreachableError:
        """The error for brokers that do not answer."""
        return UnreachableError(
            f"{self.source}: the Kafka broker at {self.place} {problem}",
            cure="start the broker or make it reachable, then run again; what is landed stays landed, the cursor waits",
        )

    def no_topic(self, name: str) -> SourceError:
        """The error for a topic that is not there."""
        return SourceError(
            f"{self.source}: there is no topic {name} at {self.place}",
            cure="ask the source's owner, or correct the topic in the contract (the server's `stream`, `physicalName`)",
        )

    def _offsets(self, name: str, numbers: list[int], which: OffsetSpec) -> dict[int, int]:
        offsets = self._admin.list_offsets(  # type: ignore[union-attr]
            {TopicPartition(name, number): which for number in numbers},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ANSWER_SECONDS,
        )
        return {partition.partition: answer.result().offset for partition, answer in offsets.items()}

    def _knock(self) -> None:
        """Who does not even take a connection is known at once; the client library would try for seconds."""
        problem = "is not there"
        for place in self.place.split(","):
            parts = urlsplit(f"//{place}")
            try:
                socket.create_connection((parts.hostname or "", parts.port or _PORT), CONNECT_SECONDS).close()
                return
            except OSError as error:
                problem = f"cannot be reached: {error.strerror or type(error).__name__}"
        raise self.unreachable(problem)

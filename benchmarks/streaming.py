"""Streams to lake: seconds from an event's sending to its row being readable in bronze, over MQTT and over Kafka, at
200 events a second for a minute (`--quick`: 6 s); and a micro-batch while the table is new and after 2,000 commits.

The physical limit of the delay is half the time between two rounds (one second) plus a commit; the reference is a plain
consumer that appends each second's messages with delta-rs, unchecked, its offsets kept by the broker: what it loses or
duplicates after a crash nobody knows. A row is readable once its commit stands in the table's log: the time of that
file is taken.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic
from deltalake import CommitProperties, DeltaTable, write_deltalake

from benchmarks.figures import Figure, main, say
from benchmarks.machine import ROOT
from contracts.contract_file import load_contract
from contracts.settings import reset_settings, temporary_environment
from infra.services import servers
from ingestion.connectors.streams import kafka
from ingestion.landing import streams
from lake import layout
from lake.landing_state import STATE_KEY
from lake.sql.connections import connect
from lake.tables import scan, table_cache, table_uri

RATE, SECONDS, QUICK_SECONDS = 200.0, 60.0, 6.0
COMMITS, QUICK_COMMITS, BATCH = 2_000, 200, 100
TICK = streams.TICK_SECONDS
PLAIN = "plain consumer, delta-rs"
ENTITIES: Mapping[str, tuple[str, str]] = {"MQTT": ("devices", "readings"), "Kafka": ("web_app", "clicks")}
Delays = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class World:
    """An empty lake and its brokers."""

    home: Path
    addresses: Mapping[str, str]

    @property
    def bootstrap(self) -> str:
        """Kafka's address as its clients want it."""
        return self.addresses["Kafka"].partition("://")[2]


def measure(quick: bool) -> Sequence[Figure]:
    """Delays over both brokers, then the cost of commits."""
    if absent := servers.missing(["kafka", "mosquitto"]):
        raise SystemExit(f"not on this machine: {', '.join(absent)}; run `make setup-test`")
    seconds = QUICK_SECONDS if quick else SECONDS
    figures = []
    with _world() as world:
        plain = _plain_delays(world, seconds)
        say(f"plain consumer over Kafka: {_told(plain)}")
        for broker in ENTITIES:
            ours = _our_delays(world, broker, seconds)
            say(f"{broker} to bronze: {_told(ours)}")
            figures += [
                Figure(f"{broker} to bronze, {name}", "s", *(float(np.percentile(each, at)) for each in (ours, plain)),
                       PLAIN, goal)
                for name, at, goal in (("half of the rows", 50, 1.5), ("95 of 100 rows", 95, 1.5))
            ]  # fmt: skip
        return [*figures, *_commits(world, QUICK_COMMITS if quick else COMMITS)]


@contextmanager
def _world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="lake-bench-") as folder,
        servers.running(["mosquitto", "kafka"]) as brokers,
    ):
        home = Path(folder) / "lake"
        addresses = {"MQTT": brokers.mqtt or "", "Kafka": brokers.kafka or ""}
        environment = {
            f"LAKE_SOURCE_{source.upper()}_URL": addresses[broker] for broker, (source, _) in ENTITIES.items()
        }
        lake = {"LAKE_HOME": str(home), "LAKE_TOKEN_KEY_FILE": str(Path(folder) / "token.key")}
        with temporary_environment(environment | lake):
            reset_settings()
            try:
                yield World(home, addresses)
            finally:
                reset_settings()


def _our_delays(world: World, broker: str, seconds: float) -> Delays:
    """Follow a source while its rows are sent; seconds from sending to commit of each row."""
    source, entity = ENTITIES[broker]
    contract = load_contract(source)
    if broker == "Kafka":
        _make_topics(world, [f"{source}.{name}" for name in contract.entities])
    topic = f"{source}.{entity}" if broker == "Kafka" else f"{source}/{entity}"
    stop, followed_entities = threading.Event(), list[streams.Followed]()
    thread = threading.Thread(target=lambda: followed_entities.extend(streams.follow([source], stop=stop)))
    thread.start()
    time.sleep(3.0)  # subscribed
    sent = _send(world.addresses[broker], topic, seconds)
    time.sleep(3 * TICK)
    stop.set()
    thread.join()
    counts = next(each for each in followed_entities if each.entity.name == entity).counts
    if counts.landed != sent or counts.received != sent:
        raise SystemExit(f"{sent} rows sent over {broker}, {counts} came: nothing can be said of the delay")
    table = contract.entities[entity].table
    with connect() as connection:
        rows = connection.execute(f"select batch_id, epoch(event_at) as sent from {scan(table)}").fetchnumpy()
    stream = broker.lower()
    return _delays(
        table_uri(table),
        batches=rows["batch_id"],
        sent=rows["sent"],
        batch_of=lambda commit: _our_batch(commit, stream),
    )


def _plain_delays(world: World, seconds: float) -> Delays:
    """What somebody would write in twenty lines, over Kafka."""
    _make_topics(world, ["web_app.plain"])
    uri = str(world.home / "plain")
    stop = threading.Event()
    thread = threading.Thread(target=_consume_plainly, args=(world, uri, stop))
    thread.start()
    time.sleep(3.0)
    sent = _send(world.addresses["Kafka"], "web_app.plain", seconds)
    time.sleep(3 * TICK)
    stop.set()
    thread.join()
    with connect() as connection:
        rows = connection.execute(
            f"select batch_id, epoch(event_at::timestamptz) as sent from delta_scan('{uri}')"
        ).fetchnumpy()
    if len(rows["sent"]) != sent:
        raise SystemExit(f"the plain consumer brought {len(rows['sent'])} of {sent} rows")
    return _delays(uri, batches=rows["batch_id"], sent=rows["sent"], batch_of=lambda commit: commit.get("batch_id"))


def _consume_plainly(world: World, uri: str, stop: threading.Event) -> None:
    consumer = Consumer(
        {"bootstrap.servers": world.bootstrap, "group.id": "plain", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe(["web_app.plain"])
    batch = 0
    while not stop.is_set():
        began = time.monotonic()
        if messages := consumer.consume(10_000, 0):
            rows = [orjson.loads(message.value() or b"") for message in messages]
            data = pa.Table.from_pylist([row | {"batch_id": str(batch), "device_id": ""} for row in rows])
            write_deltalake(uri, data, mode="append", commit_properties=CommitProperties({"batch_id": str(batch)}))
            batch += 1
        stop.wait(max(0.0, TICK - (time.monotonic() - began)))
    consumer.close()


def _commits(world: World, commits: int) -> list[Figure]:
    """Land batches of a hundred messages that wait; milliseconds of each at the beginning and at the end."""
    contract = load_contract("web_app")
    layout.ensure()
    _send(world.addresses["Kafka"], "web_app.clicks", commits * BATCH / 10_000, rate=10_000)
    followed = streams.Followed(contract, contract.entities["clicks"])
    taken: list[float] = []
    default_batch, kafka.BATCH_MESSAGES = kafka.BATCH_MESSAGES, BATCH
    try:
        with connect() as connection, table_cache():
            while len(taken) < commits:
                started = time.perf_counter()
                if followed.land(connection):
                    taken.append((time.perf_counter() - started) * 1000)
                    followed.maintain()
                elif followed.trouble is not None:
                    raise SystemExit(str(followed.trouble))
    finally:
        kafka.BATCH_MESSAGES = default_batch
        followed.close()
    part = max(20, commits // 20)
    first, last = median(taken[5 : 5 + part]), median(taken[-part:])
    say(f"a batch of {BATCH}: {first:.0f} ms at first, {last:.0f} ms after {commits} commits")
    rows = pa.table({"id": [str(n) for n in range(BATCH)], "event_at": [str(n) for n in range(BATCH)]})
    plain = _median_ms(lambda: write_deltalake(str(world.home / "bare"), rows, mode="append"), 50)
    return [
        Figure(f"micro-batch of {BATCH} messages", "ms", first, plain, "delta-rs append of two columns", 10.0),
        Figure(f"micro-batch after {commits:,} commits", "ms", last, first, "the same at the beginning", 2.0),
    ]


def _send(address: str, topic: str, seconds: float, rate: float = RATE) -> int:
    """Send from a process of its own; returns the number of rows."""
    command = [sys.executable, "-m", "benchmarks.inputs.stream_sender", address, topic, str(rate), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def _make_topics(world: World, names: Sequence[str]) -> None:
    admin = AdminClient({"bootstrap.servers": world.bootstrap, "log_level": 0})
    for creation in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
        creation.result(20)


def _delays(
    uri: str, *, batches: Sequence[str], sent: Delays, batch_of: Callable[[Mapping[str, Any]], str | None]
) -> Delays:
    """Seconds from each row's sending to the moment at which the commit of its batch stood in the log."""
    log = Path(uri) / "_delta_log"
    committed: dict[str, float] = {}
    for commit in reversed(DeltaTable(uri).history()):
        if (batch := batch_of(commit)) is not None:  # maintenance writes the newest state again: the first one counts
            committed.setdefault(batch, (log / f"{commit['version']:020d}.json").stat().st_mtime)
    return np.array([committed[batch] for batch in batches]) - sent


def _our_batch(commit: Mapping[str, Any], stream: str) -> str | None:
    if STATE_KEY not in commit:
        return None
    return f"{stream}-{orjson.loads(commit[STATE_KEY])['streams'][stream]['batch']:08d}"


def _median_ms(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return median(taken)


def _told(delays: Delays) -> str:
    return (
        f"{np.percentile(delays, 50):.2f} s for half of {len(delays)} rows, {np.percentile(delays, 95):.2f} s for 95 %"
    )


if __name__ == "__main__":
    main(measure)

"""Streams landed as they flow: micro-batches of every followed entity in turn, as long as one likes.

A batch goes the same way as any other (`ingestion.landing.batches`): locks, contract, quarantine, the cursor in the
commit. An error of one entity is reported, the entity is tried again later, and the others go on. After so many
commits a table is compacted and gets a checkpoint, so that it stays as quick as it was.

`python -m ingestion.landing.streams [source]...` or `lake stream`; SIGTERM and SIGINT let the batch at work end.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
from deltalake.exceptions import DeltaError

from contracts.contract_file import Contract, ContractError, Entity, load_contract, load_contracts
from contracts.errors import LakeError
from contracts.wording import many
from ingestion.connectors import live_connector, stream_server
from ingestion.connectors.base import LiveConnector, Trouble
from ingestion.landing.batches import Batches
from ingestion.landing.contract_checks import engine
from ingestion.landing.land import REPORTED_ERRORS, cursor_of, trouble_of
from ingestion.landing.results import Counts
from lake import layout
from lake.locks import table_lock
from lake.maintenance import Policy, maintain_table
from lake.tables import table_cache

#: From the beginning of one round over all entities to the next, unless the round brought so much that more must wait.
TICK_SECONDS = 1.0
FULL_ROUND_ROWS = 10_000
#: Commits of a table between two maintenances. Measured: one takes 100 ms, and a commit 0.3 ms more for each since.
MAINTAIN_COMMITS = 50
#: Small targets: what is compacted again and again must stay cheap; `lake maintain` makes the large files, and removes
#: those that nobody needs. And a short log, since every commit lists it about ten times.
POLICY = Policy(target_bytes=16 << 20, is_sweeping=False, log_versions=200)
#: How long an entity in trouble is left alone, twice as long each time.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
PROGRESS_SECONDS = 10.0

Progress = Callable[[str], None]


@dataclass
class Followed:
    """One entity's stream: what it has brought, what is wrong with it now (`trouble`), what it has lost (`losses`)."""

    contract: Contract
    entity: Entity
    counts: Counts = field(default_factory=Counts)
    batches: int = 0
    trouble: Trouble | None = None
    losses: list[Trouble] = field(default_factory=list)
    _connector: LiveConnector | None = None
    _pause: float = 0.0
    _again_at: float = 0.0
    _commits: int = 0

    @property
    def name(self) -> str:
        """`source/entity`."""
        return f"{self.entity.source}/{self.entity.name}"

    def land(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Land what has arrived; returns how many records that were. Errors are collected, never raised."""
        if time.monotonic() < self._again_at:
            return 0
        try:
            received = self._land(connection)
        except REPORTED_ERRORS as error:
            self._fail(trouble_of(self.name, error))
        else:
            self._pause, self.trouble = 0.0, None
            return received
        return 0

    def maintain(self) -> bool:
        """Compact the entity's tables where enough has been committed; returns whether it did."""
        if self._commits < MAINTAIN_COMMITS:
            return False
        self._commits = 0
        try:
            for table in (self.entity.table, self.entity.quarantine_table):
                maintain_table(table, policy=POLICY)
        except (DeltaError, OSError) as error:
            self._fail(trouble_of(self.name, error))
        return True

    def close(self) -> None:
        """Let go of the source."""
        if self._connector is not None:
            self._connector.close()
            self._connector = None

    def _land(self, connection: duckdb.DuckDBPyConnection) -> int:
        cursor = None
        if self._connector is None:
            stream = live_connector(self.contract, self.entity)
            cursor = cursor_of(self.entity, stream)
            self._connector = stream
        if not self._connector.has_new(cursor):
            return 0
        with table_lock(self.entity.table):
            counts = Batches(
                connection, contract=self.contract, entity=self.entity, connector=self._connector, full_refresh=False
            ).land()
        self.losses += [loss for loss in self._connector.troubles() if loss not in self.losses]
        if counts is None:
            return 0
        self.counts += counts
        self.batches += 1
        self._commits += 1
        return counts.received

    def _fail(self, trouble: Trouble) -> None:
        self.close()  # what was read and not committed comes again
        self._pause = min(max(2 * self._pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._again_at = time.monotonic() + self._pause
        self.trouble = trouble


def follow(
    sources: Sequence[str] = (),
    *,
    stop: threading.Event,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> list[Followed]:
    """Land streams until `stop` is set, or for so many seconds.

    Args:
        sources: these; default all that have a stream.
        progress: called with a line every ten seconds in which something landed, and with each new trouble.

    Returns:
        What each entity has brought, and what is wrong with it at the end.

    Raises:
        UnknownSourceError, ContractError: wrong usage, as a source without a stream.
        LakeError: the lake itself cannot be written.
    """
    contracts = [load_contract(source) for source in sources] or [c for c in load_contracts() if stream_server(c)]
    if not contracts:
        raise ContractError(
            "no source has a stream that could be followed", cure="add a server for MQTT or Kafka to a contract"
        )
    followed = [Followed(contract, entity) for contract in contracts for entity in contract.entities.values()]
    layout.ensure()
    until = None if seconds is None else time.monotonic() + seconds
    report = _ProgressReport(followed, progress or (lambda line: None))
    with engine() as connection, table_cache():
        try:
            while not stop.is_set() and (until is None or time.monotonic() < until):
                began = time.monotonic()
                received = _round(followed, connection, stop)
                report.write_due_lines()
                if received < FULL_ROUND_ROWS:
                    rest = TICK_SECONDS - (time.monotonic() - began)
                    stop.wait(max(0.0, rest if until is None else min(rest, until - time.monotonic())))
        finally:
            for each in followed:
                each.close()
    return followed


def _round(followed: Sequence[Followed], connection: duckdb.DuckDBPyConnection, stop: threading.Event) -> int:
    received = 0
    for each in followed:
        if not stop.is_set():
            received += each.land(connection)
            each.maintain()
    return received


@dataclass
class _ProgressReport:
    """Lines for a person: what landed since the last line, and troubles when they come and when they go."""

    followed: Sequence[Followed]
    progress: Progress
    _last: float = field(default_factory=time.monotonic)
    _landed: int = 0
    _troubles: dict[str, str] = field(default_factory=dict)
    _losses: int = 0

    def write_due_lines(self) -> None:
        for each in self.followed:
            if each.trouble is not None and self._troubles.get(each.name) != each.trouble.message:
                self._troubles[each.name] = each.trouble.message
                self.progress(str(each.trouble))
            elif each.trouble is None and each.name in self._troubles:
                del self._troubles[each.name]
                self.progress(f"{each.name}: goes on")
        losses = [loss for each in self.followed for loss in each.losses]
        for loss in losses[self._losses :] if len(losses) > self._losses else ():
            self.progress(str(loss))
        self._losses = len(losses)
        landed = sum(each.counts.landed for each in self.followed)
        now = time.monotonic()
        if landed != self._landed and now - self._last >= PROGRESS_SECONDS:
            batches = sum(each.batches for each in self.followed)
            rows = many(landed - self._landed, "row")
            self.progress(f"{rows} landed in {now - self._last:.0f} s ({many(batches, 'batch', 'batches')} so far)")
            self._last, self._landed = now, landed


def run(sources: Sequence[str], seconds: float | None) -> int:
    """Follow from the shell until SIGTERM, SIGINT or the end of the time; the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    followed = follow(sources, stop=stop, seconds=seconds, progress=lambda line: print(line, flush=True))
    for each in followed:
        counts = each.counts
        print(
            f"{each.name}: {counts.received} received = {counts.landed} landed + {counts.quarantined} quarantined"
            f" + {counts.doubled} duplicates, in {each.batches} batches"
        )
    troubles = [trouble for each in followed for trouble in (*each.losses, each.trouble) if trouble is not None]
    for trouble in troubles:
        print(f"{trouble.place}: {trouble.message}\n  cure: {trouble.cure}", file=sys.stderr)
    return 1 if troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:], None))
    except LakeError as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(wrong.exit_code)

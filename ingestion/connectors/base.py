"""What every connector hands to landing, whatever the transport: a delivery of raw rows as one DuckDB query.

Nothing here checks or writes; nothing in landing knows a transport.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb

from contracts.errors import LakeError

Cursor = Mapping[str, Any]


class SourceError(LakeError):
    """A source cannot be reached or read; the others go on."""


class UnreachableError(SourceError):
    """A source does not answer at all: its other entities are not tried."""


@dataclass(frozen=True)
class Trouble:
    """Something of a source that was left where it is, to be read again once it is cured.

    `state` is `blocked` where the shape of the data changed and somebody has to agree, else `failed`.
    """

    place: str
    message: str
    cure: str
    state: str = "failed"

    def __str__(self) -> str:
        return f"{self.place}: {self.message} (cure: {self.cure})"


@dataclass(frozen=True)
class Overlap:
    """Rows after `start` of the watermark column will be read again by the next batch (late commits)."""

    column: str
    start: str


@dataclass
class Delivery:
    """Raw rows for one batch.

    Attributes:
        query: SQL for the rows: `line` for JSON, otherwise the source's columns by their names; then `source_file` and
            `source_position` (which may be null).
        columns: DuckDB types of the source's columns by name; None where the rows are lines of JSON.
        cursor: where to go on after this batch; committed with it.
        is_reread: rows that are in the lake already are not counted again (an overlap, a rewritten file).
        redelivered_of: as `is_reread`, but only rows of the stream's last so many batches (sent again since their
            acknowledgement was lost).
        duplicates_before: exact duplicates among re-read rows that an earlier batch has counted; None means all of
        them. escaped: SQL condition, true for a `line` that is no text and comes escaped (`lines.as_text`).
        rejected: SQL for rows no parser could read: `raw`, `source_file`, `source_position`, `is_escaped`.
        known_at: for JSON, SQL of when a row was known, where the contract names no column for it; None means now.
        is_changes: the rows are changes in their order, with `is_deleted` and `seq` in addition to `line`: each is the
        newest
            version of its record, and a duplicate only of the version just before it.
        acknowledge: called once the batch is committed.
    """

    query: str
    columns: Mapping[str, str] | None
    cursor: dict[str, Any]
    is_reread: bool = False
    redelivered_of: int = 0
    duplicates_before: int | None = None
    escaped: str = "false"
    rejected: str | None = None
    overlap: Overlap | None = None
    known_at: str | None = None
    is_changes: bool = False
    acknowledge: Callable[[], None] = lambda: None


class Connector(Protocol):
    """Reads one entity of one source over one transport. `stream` names its cursor in the table's commits."""

    stream: str
    #: Whether looking disturbs what is looked at: landing then reads without asking `has_new` first.
    is_live: bool
    #: Whether records come one by one, each in the shape of its own moment, rather than as a file or a table does.
    is_stream: bool

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a read would bring anything; quick, and True in doubt."""

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next batch after the cursor, None where there is nothing.

        Raises:
            SourceError: the source cannot be reached or read.
        """

    def leave_out(self, source_file: str, trouble: Trouble) -> bool:
        """Offer one file (or page) no more in this run. False where the transport cannot part it from the rest."""

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """After a delivery that DuckDB could not read: find and leave out the files that are to blame, if any."""

    def leave_out_changed(self) -> bool:
        """After a delivery was read: leave out the files that were written meanwhile, if any."""

    def troubles(self) -> list[Trouble]:
        """What was left out so far, and why."""

    def close(self) -> None:
        """Let go of what was opened."""


class LiveConnector(Connector, Protocol):
    """A connector of a stream, which can be followed: `has_new` then says what has arrived, and `read` never waits."""

    follow: bool


class Indivisible:
    """What connectors share whose source comes as a whole: a table, an endpoint, a topic."""

    def leave_out(self, source_file: str, trouble: Trouble) -> bool:
        """Nothing can be parted from the rest."""
        return False

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """There is nothing to leave out."""
        return False

    def leave_out_changed(self) -> bool:
        """There is nothing to leave out."""
        return False

    def troubles(self) -> list[Trouble]:
        """Nothing is left out."""
        return []

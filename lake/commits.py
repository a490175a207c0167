"""What one commit carries, and whether it is in the table when its answer was lost.

A commit may reach the table though its writer gets an error: the disk filled during the checkpoint after it,
or the line broke after the put. Every commit therefore carries a mark of its own; after an error the table itself is
searched for the mark, and nothing is written a second time on a guess.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deltalake import CommitProperties, DeltaTable, Transaction

from contracts.errors import LakeError
from lake.tables import open_table

#: Key of a commit's own mark in its metadata.
MARK_KEY = "lake.commit"


#: `Commit.made_from` where there was no table yet.
NO_TABLE = -1


class CommitError(LakeError):
    """A commit could not be made."""


class ConflictError(CommitError):
    """Another writer's commit came first; nothing of this one is in the table."""


class UnsureCommitError(CommitError):
    """The commit's answer is lost and the table cannot be read: the commit may be in it, or not."""


@dataclass(frozen=True)
class Commit:
    """What one commit carries in addition to its rows.

    Attributes:
        app_id: the stream that writes (source + entity + stream); with `batch`, makes the write exactly once.
        batch: number of the batch in that stream, from 0.
        metadata: kept in the commit, as the source cursor (values must be strings; never personal data).
        made_from: version of the table from which the batch was made (`NO_TABLE`); a newer one is a conflict.
    """

    app_id: str | None = None
    batch: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    made_from: int | None = None

    def properties(self, mark: str | None = None) -> CommitProperties:
        """As delta-rs takes it.

        Metadata is true only of the version it was made from, so that such a commit is never moved behind one that
        its writer has not seen: delta-rs would do so by itself.
        """
        done = [] if self.app_id is None or self.batch is None else [Transaction(self.app_id, self.batch)]
        metadata = dict(self.metadata) | ({} if mark is None else {MARK_KEY: mark})
        retries = 0 if self.metadata or self.made_from is not None else None
        return CommitProperties(custom_metadata=metadata, app_transactions=done, max_commit_retries=retries)

    def already_in(self, table: DeltaTable | None) -> bool:
        """Whether this batch, or a later one of its stream, is in the table."""
        if table is None or self.app_id is None or self.batch is None:
            return False
        last = table.transaction_version(self.app_id)
        return last is not None and last >= self.batch

    def require_unchanged(self, name: str, table: DeltaTable | None) -> None:
        """Check that the table is still at the version that the batch was made from.

        Raises:
            ConflictError: another writer has committed since.
        """
        if self.made_from is not None and version_of(table) != self.made_from:
            raise _conflict(name)


#: A commit of no stream, which carries nothing.
NO_BATCH = Commit()


def version_of(table: DeltaTable | None) -> int:
    """A table's version, `NO_TABLE` where there is none."""
    return NO_TABLE if table is None else table.version()


def commit_once(name: str, commit: Commit, write: Callable[[CommitProperties], None], *, made_from: int | None) -> None:
    """Make one commit and return when it is in the table, also where `write` raised after it arrived.

    Args:
        made_from: version of the table before the write, None where there was no table.

    Raises:
        ConflictError: another writer's commit came first.
        UnsureCommitError: neither the commit's answer nor the table can be had.
        Exception: as `write` raised it; nothing is in the table.
    """
    mark = uuid.uuid4().hex
    try:
        write(commit.properties(mark))
    except Exception as error:
        newest = _newest(name, error)
        if newest is None or newest.version() == made_from:
            raise
        if _has_mark(newest, made_from, mark):
            return
        raise _conflict(name) from error


def _conflict(name: str) -> ConflictError:
    return ConflictError(
        f"{name}: another writer committed first, nothing of this batch is in",
        cure="run again: the batch is read anew behind the other one",
    )


def _newest(name: str, error: Exception) -> DeltaTable | None:
    try:
        return open_table(name)
    except Exception as unread:
        raise UnsureCommitError(
            f"{name}: the commit's answer is lost ({type(error).__name__}) and the table cannot be read "
            f"({type(unread).__name__})",
            cure="see that the table's storage answers, then run again: what is in the table is read from there",
        ) from error


def _has_mark(table: DeltaTable, made_from: int | None, mark: str) -> bool:
    since = table.version() - (NO_TABLE if made_from is None else made_from)
    return any(commit.get(MARK_KEY) == mark for commit in table.history(since))

"""The only code that writes Delta tables (D2). One writer per table, enforced by a lock per table (D7)."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from lake.settings import load_settings
from lake.tables import open_table, table_uri

ArrowData = pa.Table | pa.RecordBatchReader


@dataclass(frozen=True)
class Commit:
    """What one commit carries beside its rows.

    Attributes:
        app_id: the stream that writes (source + entity + stream); with `batch`, makes the write exactly once.
        batch: number of the batch in that stream, from 0.
        metadata: kept in the commit, as the source cursor (values must be strings; never personal data).
    """

    app_id: str | None = None
    batch: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def properties(self) -> CommitProperties:
        """As delta-rs takes it."""
        done = [] if self.app_id is None or self.batch is None else [Transaction(self.app_id, self.batch)]
        return CommitProperties(custom_metadata=dict(self.metadata), app_transactions=done)

    def already_in(self, table: DeltaTable | None) -> bool:
        """Whether this batch, or a later one of its stream, is in the table."""
        if table is None or self.app_id is None or self.batch is None:
            return False
        last = table.transaction_version(self.app_id)
        return last is not None and last >= self.batch


@contextmanager
def table_lock(name: str) -> Iterator[None]:
    """Hold the table's lock: writers of one table take turns, across processes and without Dagster."""
    path = load_settings().home / "locks" / (name.replace("/", "__") + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def append(
    name: str, data: ArrowData, *, commit: Commit = Commit(), partition_by: list[str] | None = None,
    configuration: Mapping[str, str] | None = None,
) -> bool:
    """Append rows in one commit; new columns are added. Returns False where the batch was already there."""
    with table_lock(name):
        if commit.already_in(open_table(name)):
            return False
        write_deltalake(
            table_uri(name), data, mode="append", schema_mode="merge", partition_by=partition_by,
            configuration=dict(configuration or {}) or None, commit_properties=commit.properties(),
        )
        return True


def overwrite(
    name: str, data: ArrowData, *, commit: Commit = Commit(), partition_by: list[str] | None = None,
    predicate: str | None = None, configuration: Mapping[str, str] | None = None,
) -> None:
    """Replace the table, or with `predicate` only the rows it names (never a personal value: D14)."""
    with table_lock(name):
        write_deltalake(
            table_uri(name), data, mode="overwrite", schema_mode=None if predicate else "overwrite",
            partition_by=partition_by, predicate=predicate,
            configuration=dict(configuration or {}) or None, commit_properties=commit.properties(),
        )


def merge(
    name: str, data: ArrowData, keys: list[str], *, commit: Commit = Commit(),
    delete_missing: bool = False, configuration: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Insert new keys and update changed ones; `delete_missing` also deletes keys that `data` lacks.

    Returns delta-rs's counts (`num_target_rows_inserted`, …). Keys must be unique in `data`.
    """
    with table_lock(name):
        table = open_table(name)
        if table is None:
            rows = data.read_all() if isinstance(data, pa.RecordBatchReader) else data
            write_deltalake(
                table_uri(name), rows, mode="append",
                configuration=dict(configuration or {}) or None, commit_properties=commit.properties(),
            )
            return {"num_target_rows_inserted": rows.num_rows, "num_target_rows_updated": 0, "num_target_rows_deleted": 0}
        on = " and ".join(f"target.{key} = source.{key}" for key in keys)
        merger = table.merge(
            data, on, source_alias="source", target_alias="target", merge_schema=True, commit_properties=commit.properties()
        )
        merger = merger.when_matched_update_all().when_not_matched_insert_all()
        if delete_missing:
            merger = merger.when_not_matched_by_source_delete()
        return merger.execute()

"""The only code that writes Delta tables (D2). One writer per table, enforced by a lock per table (D7).

Rows come as Arrow (`append`, `overwrite`, `merge`) or as Parquet files that DuckDB has written into the table's
own folder (`lake.files.copy_into`, then `commit_files`): the second way costs a third less, and is landing's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction, write_deltalake
from deltalake.transaction import create_table_with_add_actions

from lake.files import DataFile, as_actions
from lake.locks import table_lock
from lake.tables import open_table, table_uri

__all__ = ["ArrowData", "Commit", "append", "commit_files", "delete", "merge", "overwrite", "table_lock"]

ArrowData: TypeAlias = pa.Table | pa.RecordBatchReader


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


def append(
    name: str,
    data: ArrowData,
    *,
    commit: Commit = Commit(),
    partition_by: list[str] | None = None,
    configuration: Mapping[str, str] | None = None,
) -> bool:
    """Append rows in one commit; new columns are added. Returns False where the batch was already there."""
    with table_lock(name):
        if commit.already_in(open_table(name)):
            return False
        write_deltalake(
            table_uri(name),
            data,
            mode="append",
            schema_mode="merge",
            partition_by=partition_by,
            configuration=dict(configuration or {}) or None,
            commit_properties=commit.properties(),
        )
        return True


def commit_files(
    name: str,
    files: Sequence[DataFile],
    schema: pa.Schema,
    *,
    commit: Commit = Commit(),
    configuration: Mapping[str, str] | None = None,
) -> bool:
    """Append Parquet files that already lie in the table's folder. Returns False where the batch was already there.

    `schema` is what the table holds after it: columns the table lacks are added (in a commit of their own, before
    the rows, since a commit of files cannot change the schema; it is harmless alone). No files is a commit too:
    it carries only the metadata.
    """
    with table_lock(name):
        table = open_table(name)
        if commit.already_in(table):
            return False
        if table is None:
            create_table_with_add_actions(
                table_uri(name),
                Schema.from_arrow(schema),
                as_actions(files),
                configuration=dict(configuration or {}),
                commit_properties=commit.properties(),
            )
            return True
        _add_columns(table, schema)
        table.create_write_transaction(
            [*as_actions(files)], "append", table.schema(), [], commit_properties=commit.properties()
        )
        return True


def _add_columns(table: DeltaTable, schema: pa.Schema) -> None:
    there = {f.name for f in table.schema().fields}
    missing = [f for f in Schema.from_arrow(schema).fields if f.name not in there]
    if missing:
        table.alter.add_columns([Field(f.name, f.type, nullable=True) for f in missing])


def overwrite(
    name: str,
    data: ArrowData,
    *,
    commit: Commit = Commit(),
    partition_by: list[str] | None = None,
    predicate: str | None = None,
    configuration: Mapping[str, str] | None = None,
) -> None:
    """Replace the table, or with `predicate` only the rows it names (never a personal value: D14)."""
    with table_lock(name):
        write_deltalake(
            table_uri(name),
            data,
            mode="overwrite",
            schema_mode=None if predicate else "overwrite",
            partition_by=partition_by,
            predicate=predicate,
            configuration=dict(configuration or {}) or None,
            commit_properties=commit.properties(),
        )


def merge(
    name: str,
    data: ArrowData,
    keys: list[str],
    *,
    commit: Commit = Commit(),
    delete_missing: bool = False,
    configuration: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Insert new keys and update changed ones; `delete_missing` also deletes keys that `data` lacks.

    Returns delta-rs's counts (`num_target_rows_inserted`, …). Keys must be unique in `data`.
    """
    with table_lock(name):
        table = open_table(name)
        if table is None:
            rows = data.read_all() if isinstance(data, pa.RecordBatchReader) else data
            write_deltalake(
                table_uri(name),
                rows,
                mode="append",
                configuration=dict(configuration or {}) or None,
                commit_properties=commit.properties(),
            )
            return {
                "num_target_rows_inserted": rows.num_rows,
                "num_target_rows_updated": 0,
                "num_target_rows_deleted": 0,
            }
        on = " and ".join(f"target.{key} = source.{key}" for key in keys)
        merger = table.merge(
            data,
            on,
            source_alias="source",
            target_alias="target",
            merge_schema=True,
            commit_properties=commit.properties(),
        )
        merger = merger.when_matched_update_all().when_not_matched_insert_all()
        if delete_missing:
            merger = merger.when_not_matched_by_source_delete()
        return merger.execute()


def delete(name: str, predicate: str, *, commit: Commit = Commit()) -> int:
    """Delete the rows a predicate names (never a personal value: D14); returns how many."""
    with table_lock(name):
        table = open_table(name)
        if table is None:
            return 0
        return int(table.delete(predicate, commit_properties=commit.properties())["num_deleted_rows"])

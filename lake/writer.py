"""Writes Delta tables: one writer per table, enforced by a lock per table (ADR 9).

Rows come as Arrow (`append`, `overwrite`, `merge`) or as Parquet files that DuckDB has written into the table's
own folder (`lake.data_files.copy_into`, then `commit_files`): the second way costs a third less, and is landing's.
Either way their columns have to be those that the catalogue declares for the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, Schema, write_deltalake
from deltalake.transaction import create_table_with_add_actions

from contracts.catalogue.lookup import require_declared
from lake.commits import NO_BATCH, Commit, CommitError, ConflictError, UnsureCommitError, commit_once
from lake.data_files import DataFile, as_actions, reserved
from lake.locks import table_lock
from lake.s3.access import is_remote
from lake.tables import open_table, storage_options, table_uri

__all__ = [
    "ArrowData", "Commit", "CommitError", "ConflictError", "UnsureCommitError",
    "append", "commit_files", "delete", "merge", "overwrite", "rename_columns", "table_lock",
]  # fmt: skip

#: The table property that names the columns of which Delta keeps the smallest and the largest value.
_STATISTICS = "delta.dataSkippingStatsColumns"

ArrowData: TypeAlias = pa.Table | pa.RecordBatchReader


def append(
    name: str,
    data: ArrowData,
    *,
    commit: Commit = NO_BATCH,
    partition_by: list[str] | None = None,
    configuration: Mapping[str, str] | None = None,
) -> bool:
    """Append rows in one commit; new columns are added. Returns False where the batch was already there.

    Raises:
        UndeclaredTableError, UndeclaredColumnsError: see `contracts.catalogue.lookup.require_declared`.
        ConflictError, UnsureCommitError: see `lake.commits.commit_once`.
    """
    require_declared(name, data.schema)
    with table_lock(name):
        table = open_table(name)
        commit.require_unchanged(name, table)
        if commit.already_in(table):
            return False

        def write(properties: CommitProperties) -> None:
            write_deltalake(
                table or table_uri(name),
                data,
                mode="append",
                schema_mode="merge",
                partition_by=partition_by,
                configuration=dict(configuration or {}) or None,
                commit_properties=properties,
                storage_options=None if table else storage_options(name),
            )

        commit_once(name, commit, write, made_from=None if table is None else table.version())
        return True


def commit_files(
    name: str,
    files: Sequence[DataFile],
    schema: pa.Schema,
    *,
    commit: Commit = NO_BATCH,
    configuration: Mapping[str, str] | None = None,
    is_whole: bool = False,
) -> bool:
    """Append Parquet files that already lie in the table's folder, or with `is_whole` replace the table by them.
    Returns False where the batch was already there.

    Hold `table_lock` from before they are written: maintenance sweeps what no commit names.

    `schema` is what the table holds after it: columns the table lacks are added (in a commit of their own, before
    the rows, since a commit of files cannot change the schema; it is harmless alone). No files is a commit too:
    it carries only the metadata.

    Raises:
        UndeclaredTableError, UndeclaredColumnsError: see `contracts.catalogue.lookup.require_declared`.
        ConflictError, UnsureCommitError: see `lake.commits.commit_once`; after the second the files stay.
        OSError: a file is missing or cut.
    """
    require_declared(name, schema, is_part=not files and not is_whole)
    with table_lock(name):
        table = open_table(name)
        commit.require_unchanged(name, table)
        if commit.already_in(table):
            return False
        if table is not None and not is_whole:
            _add_columns(table, schema)

        def write(properties: CommitProperties) -> None:
            actions = as_actions(files)
            if table is None:
                create_table_with_add_actions(
                    table_uri(name),
                    Schema.from_arrow(schema),
                    actions,
                    configuration=dict(configuration or {}),
                    commit_properties=properties,
                    storage_options=storage_options(name),
                )
            else:
                mode, schema_then = ("overwrite", Schema.from_arrow(schema)) if is_whole else ("append", table.schema())
                table.create_write_transaction([*actions], mode, schema_then, [], commit_properties=properties)

        _check_files(files)
        is_away = is_remote(table_uri(name))
        if is_away:
            from lake.s3.objects import upload

            upload([file.path for file in files], table_uri(name))
        with reserved(files):
            commit_once(name, commit, write, made_from=None if table is None else table.version())
        if is_away:
            for file in files:
                file.path.unlink(missing_ok=True)
        return True


def _check_files(files: Sequence[DataFile]) -> None:
    """Raise where a file is missing or cut: a table that names it could not be read any more."""
    for file in files:
        if file.path.stat().st_size != file.size:
            raise OSError(f"{file.path.name} was written as {file.size} bytes and is not any more")


def _add_columns(table: DeltaTable, schema: pa.Schema) -> None:
    present = {f.name for f in table.schema().fields}
    missing = [f for f in Schema.from_arrow(schema).fields if f.name not in present]
    if missing:
        table.alter.add_columns([Field(f.name, f.type, nullable=True) for f in missing])


def overwrite(
    name: str,
    data: ArrowData,
    *,
    commit: Commit = NO_BATCH,
    partition_by: list[str] | None = None,
    predicate: str | None = None,
    configuration: Mapping[str, str] | None = None,
) -> None:
    """Replace the table, or with `predicate` only the rows it names (never a personal value: ADR 9).

    Raises:
        UndeclaredTableError, UndeclaredColumnsError: see `contracts.catalogue.lookup.require_declared`.
        ConflictError: the table is not the one that the rows were made from (`Commit.made_from`).
    """
    require_declared(name, data.schema)
    with table_lock(name):
        table = None if commit.made_from is None else open_table(name)
        commit.require_unchanged(name, table)
        write_deltalake(
            table or table_uri(name),
            data,
            mode="overwrite",
            schema_mode="merge" if predicate else "overwrite",
            partition_by=partition_by,
            predicate=predicate,
            configuration=dict(configuration or {}) or None,
            commit_properties=commit.properties(),
            storage_options=None if table else storage_options(name),
        )


def merge(
    name: str,
    data: ArrowData,
    keys: list[str],
    *,
    commit: Commit = NO_BATCH,
    delete_missing: bool = False,
    configuration: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Insert new keys and update changed ones; `delete_missing` also deletes keys that `data` lacks.

    Returns delta-rs's counts (`num_target_rows_inserted`, …). Keys must be unique in `data`.

    Raises:
        UndeclaredTableError, UndeclaredColumnsError: see `contracts.catalogue.lookup.require_declared`.
    """
    require_declared(name, data.schema)
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
                storage_options=storage_options(name),
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


def delete(name: str, predicate: str, *, commit: Commit = NO_BATCH) -> int:
    """Delete the rows a predicate names (never a personal value: ADR 9); returns how many."""
    with table_lock(name):
        table = open_table(name)
        if table is None:
            return 0
        return int(table.delete(predicate, commit_properties=commit.properties())["num_deleted_rows"])


def rename_columns(name: str, names: Mapping[str, str], *, commit: Commit = NO_BATCH) -> bool:
    """Give columns of a table other names; returns False where it has none of the old ones, or does not exist.

    Delta renames in place only with column mapping, which delta-rs does not write, so all rows are written again, batch
    by batch, in one commit. The table keeps its id, its order of columns and its properties; the one that names columns
    for statistics is changed in a commit of its own before.
    """
    with table_lock(name):
        table = open_table(name)
        if table is None or not names.keys() & {field.name for field in table.schema().fields}:
            return False
        configuration, partitions = table.metadata().configuration, table.metadata().partition_columns
        counted = configuration.get(_STATISTICS, "").split(",")
        if names.keys() & set(counted):
            table.alter.set_table_properties({_STATISTICS: ",".join(names.get(column, column) for column in counted)})
        rows = table.to_pyarrow_dataset().scanner()
        schema = pa.schema([item.with_name(names.get(item.name, item.name)) for item in rows.projected_schema])
        batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows.to_batches())
        write_deltalake(
            table,
            pa.RecordBatchReader.from_batches(schema, batches),
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=[names.get(column, column) for column in partitions] or None,
            commit_properties=commit.properties(),
        )
        return True

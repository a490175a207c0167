"""Parquet files inside a table's folder: written there by DuckDB, not yet part of the table.

A file counts only once a commit names it (`lake.writer.commit_files`); one that a crash left behind is swept by
`lake.maintenance`. Measured: DuckDB writing in place and a commit of add-actions costs 1.27 times a bare COPY, an
Arrow reader into delta-rs 1.8 times.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from contracts.logical_types import TIMESTAMP
from contracts.settings import load_settings
from lake.commits import UnsureCommitError
from lake.s3.access import is_remote
from lake.sql.text import literal
from lake.tables import table_uri

_MILLISECOND = timedelta(milliseconds=1)


@dataclass
class DataFile:
    """One Parquet file below a table.

    Attributes:
        bounds: min and max of the columns that may stand in Delta's log.
        is_reserved: a commit names the file, or may: whether it reached the table is not known.
    """

    path: Path
    rows: int
    size: int
    bounds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    null_counts: Mapping[str, int] = field(default_factory=dict)
    is_reserved: bool = False

    def delete(self) -> None:
        """Remove the file, but for one that a commit may name: should none do, `lake.maintenance` sweeps it."""
        if not self.is_reserved:
            self.path.unlink(missing_ok=True)


@contextmanager
def reserved(files: Sequence[DataFile]) -> Iterator[None]:
    """Reserve files for the commit in the body; they are free again only where it is certain that it failed."""
    for file in files:
        file.is_reserved = True
    try:
        yield
    except UnsureCommitError:
        raise
    except Exception:
        for file in files:
            file.is_reserved = False
        raise


def table_folder(name: str) -> Path:
    """Where a table's files are written before a commit names them: its own folder, made where it is missing.

    For a table in S3 a folder of this machine: `lake.writer.commit_files` takes the files from there.
    """
    uri = table_uri(name)
    folder = staging_folder(name) if is_remote(uri) else Path(uri)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def staging_folder(name: str) -> Path:
    """The folder of this machine where files of a table in S3 are written first."""
    return load_settings().home / "tmp" / "staged" / name


#: A file is closed after so many row groups of 122,880 rows: where some of its rows turn out to be exact duplicates, no
#: more than this is written again.
_FILE_ROW_GROUPS = 8
#: How DuckDB writes Parquet. A dictionary is given up as soon as a column shows more values than this: building those
#: of keys and times cost a third of all writing. With version 2's delta encodings and light zstd, files are half as
#: large as with DuckDB's defaults, for no more CPU; but it writes floating-point numbers in an encoding
#: (BYTE_STREAM_SPLIT) that not every reader knows, so that tables with such columns stay with version 1.
_COMPACT = "dictionary_size_limit 1000, parquet_version v2, compression zstd, compression_level 1"
_PLAIN = "dictionary_size_limit 1000, parquet_version v1, compression snappy"


def copy_into(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    folder: Path,
    *,
    bounded: Collection[str] = (),
    has_floats: bool = True,
) -> list[DataFile]:
    """Run a query and write its rows as Parquet files (one per thread) into a folder; files without rows are removed.

    Args:
        bounded: columns whose min and max go to Delta's log; never a personal one (ADR 9).
        has_floats: whether a column is a floating-point number.
    """
    written = connection.execute(
        f"""copy ({query}) to {literal(folder)}
            (format parquet, {_PLAIN if has_floats else _COMPACT}, per_thread_output, overwrite_or_ignore, return_stats,
             row_groups_per_file {_FILE_ROW_GROUPS}, filename_pattern 'part-{{uuid}}-{{i}}')"""
    ).fetchall()
    files = [
        _data_file(Path(path), rows=rows, size=size, stats=stats or {}, bounded=bounded)
        for path, rows, size, _, stats, _ in written
    ]
    for file in files:
        if not file.rows:
            file.delete()
    return [file for file in files if file.rows]


def as_actions(files: Sequence[DataFile]) -> list[AddAction]:
    """The files as Delta takes them, paths relative to the table."""
    now = int(time.time() * 1000)
    return [AddAction(f.path.name, f.size, {}, now, True, _statistics(f)) for f in files]


def _data_file(
    path: Path, *, rows: int, size: int, stats: Mapping[str, Mapping[str, str]], bounded: Collection[str]
) -> DataFile:
    columns = {name.strip('"'): values for name, values in stats.items()}
    nulls = {name: int(values["null_count"]) for name, values in columns.items() if "null_count" in values}
    bounds = {name: (columns[name]["min"], columns[name]["max"]) for name in bounded if "min" in columns.get(name, {})}
    return DataFile(path, rows=rows, size=size, bounds=bounds, null_counts=nulls)


def _statistics(file: DataFile) -> str:
    """Delta's statistics of a file: rows, and bounds with times cut outward to milliseconds, as the protocol asks."""
    lower, upper = {}, {}
    for name, (low, high) in file.bounds.items():
        lower[name] = _instant(low, up=False)
        upper[name] = _instant(high, up=True)
    nulls = {name: file.null_counts.get(name, 0) for name in file.bounds}
    return json.dumps({"numRecords": file.rows, "minValues": lower, "maxValues": upper, "nullCount": nulls})


def may_hold(table: DeltaTable, bounds: Mapping[str, tuple[str, str]]) -> bool:
    """Whether a file of the table may have a row between these times of its columns, by the statistics in its log.

    A stream's next rows lie after all that came before: no file is read for them (a scan that finds nothing costs 15 ms
    and more, the longer the log).
    """
    actions = pa.table(table.get_add_actions(flatten=True))
    meets = pa.array([True] * actions.num_rows, pa.bool_())  # a table may have no file yet
    for name, (low, high) in bounds.items():
        if f"min.{name}" in actions.column_names:
            first, last = (pa.scalar(datetime.fromisoformat(text), TIMESTAMP) for text in (low, high))
            starts = pc.less_equal(actions[f"min.{name}"], last).fill_null(True)
            ends = pc.greater_equal(actions[f"max.{name}"], first).fill_null(True)
            meets = pc.and_(meets, pc.and_(starts, ends))
    return bool(pc.any(meets).as_py())


def _instant(text: str, *, up: bool) -> str:
    at = datetime.fromisoformat(text).astimezone(UTC)
    cut = at.replace(microsecond=at.microsecond // 1000 * 1000)
    if up and cut < at:
        cut += _MILLISECOND
    return cut.isoformat(timespec="milliseconds").replace("+00:00", "Z")

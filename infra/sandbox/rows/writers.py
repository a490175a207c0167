"""Files and databases of the systems, written from typed tables: JSON Lines, CSV, Parquet by day, SQLite.

Files are written under a temporary name (a leading dot) and renamed, so that nobody sees half of one.
"""

import gzip
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.contract_file import Entity
from contracts.logical_types import TIMESTAMP, logical_type
from infra.sandbox.rows.contract_rows import HIDDEN, RAW, RELEASED
from infra.sandbox.rows.troubles import WRONG_RAW
from lake.sql.text import quoted

_SQLITE_TYPES = {"integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}
_ISO_ZULU = "%Y-%m-%dT%H:%M:%S.%fZ"
_SQL_TIME = "%Y-%m-%d %H:%M:%S.%f"


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file under a temporary name and rename it."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)


def visible(table: pa.Table) -> list[str]:
    """Names of the columns that the system shows."""
    return [name for name in table.column_names if name not in HIDDEN]


def raw_columns(table: pa.Table) -> set[str]:
    """Columns in which some row holds a value of the wrong type."""
    return {name for name in table[RAW].unique().to_pylist() if name is not None}


def write_days(
    connection: duckdb.DuckDBPyConnection, *, table: pa.Table, entity: Entity, folder: Path, file_format: str
) -> None:
    """One file per day of release; a day without rows has none.

    Args:
        table: rows sorted by day; whole days, since a day's file is replaced.
        file_format: `jsonl` (gzip), `csv` or `parquet`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffix = {"jsonl": ".jsonl.gz"}.get(file_format, f".{file_format}")
    days, starts = np.unique(table[RELEASED].to_numpy(), return_index=True)
    edges = [*starts.tolist(), table.num_rows]
    names = [f"{np.datetime64(int(day), 'D')}{suffix}" for day in days]
    if file_format == "parquet":
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True):
            _write_parquet(table.slice(low, high - low), entity, folder / name)
        return
    lines, header = (json_lines(connection, table), b"") if file_format == "jsonl" else csv_lines(connection, table)
    for name, low, high in zip(names, edges[:-1], edges[1:], strict=True):
        content = header + text_of(lines, low, high)
        replace_file(folder / name, gzip.compress(content, 1, mtime=0) if file_format == "jsonl" else content)


def text_of(lines: pa.LargeStringArray, low: int, high: int) -> bytes:
    """The bytes of neighbouring lines, straight from Arrow's buffer."""
    offsets = np.frombuffer(lines.buffers()[1], dtype=np.int64)
    start, end = (int(offsets[lines.offset + at]) for at in (low, high))
    return memoryview(lines.buffers()[2])[start:end].tobytes() if end > start else b""


def json_lines(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> pa.LargeStringArray:
    """One JSON document and a line feed per row; times as ISO 8601 with Z."""
    raw = raw_columns(table)
    parts = []
    for name in visible(table):
        value = (
            f"strftime({quoted(name)}, '{_ISO_ZULU}')" if table.schema.field(name).type == TIMESTAMP else quoted(name)
        )
        if name in raw:
            value = f"case when {RAW} = '{name}' then to_json('{_wrong(table, name)}') else to_json({value}) end"
        parts.append(f"{quoted(name)} := {value}")
    return _lines(connection, table, f"to_json(struct_pack({', '.join(parts)}))::varchar || chr(10)")


def csv_lines(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> tuple[pa.LargeStringArray, bytes]:
    """CSV rows (RFC 4180 quoting, empty for null) and the header line."""
    raw = raw_columns(table)
    parts = []
    for name in visible(table):
        kind = table.schema.field(name).type
        value = f"strftime({quoted(name)}, '{_SQL_TIME}')" if kind == TIMESTAMP else f"{quoted(name)}::varchar"
        if kind == pa.string():
            text = quoted(name)
            escaped = f"""'"' || replace({text}, '"', '""') || '"'"""
            value = f"""case when regexp_matches({text}, '[",\\n\\r]') then {escaped} else {text} end"""
        if name in raw:
            value = f"case when {RAW} = '{name}' then '{_wrong(table, name)}' else {value} end"
        parts.append(f"coalesce({value}, '')")
    return _lines(connection, table, " || ',' || ".join(parts) + " || chr(10)"), (
        ",".join(visible(table)) + "\n"
    ).encode()


def _lines(connection: duckdb.DuckDBPyConnection, table: pa.Table, expression: str) -> pa.LargeStringArray:
    frame = naive(table)
    connection.register("frame", frame)
    try:
        rendered = connection.execute(f"select {expression} as line from frame").to_arrow_table()
    finally:
        connection.unregister("frame")
    return (
        rendered["line"].cast(pa.large_string()).combine_chunks()
        if rendered.num_rows
        else pa.array([], pa.large_string())
    )


def naive(table: pa.Table) -> pa.Table:
    """Times without a zone (they are UTC): DuckDB formats these several times faster."""
    fields = [pa.field(f.name, pa.timestamp("us")) if f.type == TIMESTAMP else f for f in table.schema]
    return table.cast(pa.schema(fields))


def _wrong(table: pa.Table, name: str) -> str:
    return WRONG_RAW[logical_type(table.schema.field(name).type)]


def _write_parquet(table: pa.Table, entity: Entity, path: Path) -> None:
    """Typed columns; on the day of a wrong type that column is text, as a careless writer makes it."""
    shown = table.select(visible(table))
    for name in raw_columns(table):
        wrong = pa.compute.equal(table[RAW], name).fill_null(False)
        text = pa.compute.if_else(wrong, _wrong(table, name), shown[name].cast(pa.string()))
        shown = shown.set_column(shown.schema.get_field_index(name), name, text)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(shown, temporary, compression="snappy")
    temporary.replace(path)


def create_tables(database: sqlite3.Connection, entities: Iterable[Entity]) -> None:
    """A table per entity, without constraints: SQLite keeps what it is given, also what breaks a type."""
    for entity in entities:
        columns = ", ".join(f"{quoted(c.name)} {_SQLITE_TYPES.get(c.logical_type, 'TEXT')}" for c in entity.columns)
        database.execute(f"create table if not exists {quoted(entity.physical_name)} ({columns})")


def create_indexes(database: sqlite3.Connection, entities: Iterable[Entity]) -> None:
    """By key, and by what incremental readers ask for."""
    for entity in entities:
        name, table = entity.physical_name, quoted(entity.physical_name)
        key = ", ".join(quoted(column) for column in entity.primary_key)
        database.execute(f"create unique index if not exists {quoted(f'{name}_key')} on {table} ({key})")
        newest = ", ".join(quoted(column) for column in (entity.watermark, *entity.primary_key) if column)
        database.execute(f"create index if not exists {quoted(f'{name}_updated')} on {table} ({newest})")


def insert_rows(
    connection: duckdb.DuckDBPyConnection, *, database: sqlite3.Connection, table: pa.Table, entity: Entity
) -> None:
    """Insert rows; one with the key of a row that is there takes its place (no commit)."""
    if not table.num_rows:
        return
    columns = sqlite_values(connection, table)
    marks = ", ".join("?" * len(columns))
    database.executemany(
        f"insert or replace into {quoted(entity.physical_name)} values ({marks})", zip(*columns, strict=True)
    )


def sqlite_values(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> list[list[object]]:
    """Column by column: times as `YYYY-MM-DD HH:MM:SS.ffffff` UTC, booleans as 0 and 1, wrong types raw."""
    names = visible(table)
    parts = []
    for name in names:
        kind = table.schema.field(name).type
        if kind == TIMESTAMP:
            parts.append(f"strftime({quoted(name)}, '{_SQL_TIME}') as {quoted(name)}")
        elif kind == pa.bool_():
            parts.append(f"{quoted(name)}::tinyint as {quoted(name)}")
        elif kind == pa.date32():
            parts.append(f"{quoted(name)}::varchar as {quoted(name)}")
        else:
            parts.append(quoted(name))
    connection.register("frame", naive(table))
    try:
        rendered = connection.execute(f"select {', '.join(parts)} from frame").to_arrow_table()
    finally:
        connection.unregister("frame")
    columns = [rendered[name].to_pylist() for name in names]
    for row, name in enumerate(table[RAW].to_pylist()):
        if name is not None:
            columns[names.index(name)][row] = _wrong(table, name)
    return columns

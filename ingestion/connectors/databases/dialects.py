"""What differs between the SQL databases that `sql` reads, each through its ADBC driver."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_manager.dbapi as adbc
import duckdb
import orjson
import pyarrow as pa

from ingestion.connectors.base import SourceError, UnreachableError
from ingestion.connectors.databases.watermarks import Mark
from lake.sql.rows import column_types
from lake.sql.text import literal, quoted

#: Before a text that comes out of SQLite: alone it stands for null, before a text that begins with it, for itself.
_MARK = "\x01"
#: Beyond these a time is `infinity` for us: Arrow's count of microseconds would run over and begin anew.
_EARLIEST, _LATEST = "4714-11-24 BC", "290000-01-01"
_EARLIEST_IN_DUCKDB = "4714-11-24 (BC)"
_TIMES = ("timestamptz", "timestamp", "date")
#: Types that the driver gives exactly as Arrow's; all others are asked for as their text.
_NATIVE = ("bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar", *_TIMES)
#: Rows of one Arrow batch out of SQLite; the driver's own 1,024 cost a third more time.
_SQLITE_ROWS = 16_384

Columns = Mapping[str, str]


class Dialect(Protocol):
    """One database: how to ask it, and how its values are to be read."""

    place: str
    #: Rows of the stream now read that are not UTF-8, as JSON; filled while it is read.
    unreadable: list[str]
    #: Why the stream now read broke off, None while it did not.
    broken: SourceError | None

    def columns(self, table: str) -> Columns:
        """A table's columns and their types by name; empty where there is no such table."""

    def mark(self, column: str, kind: str) -> Mark:
        """A watermark column of that type."""

    def one(self, query: str) -> tuple[Any, ...]:
        """The first row of a query, empty where there is none."""

    def rows(self, table: str, columns: Columns, where: str) -> pa.RecordBatchReader:
        """Rows of a table, streamed."""

    def query(self, view: str, columns: Columns, source_file: str) -> str:
        """SQL over the streamed rows in DuckDB that gives the source's columns, `source_file`, `source_position`."""

    def types(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> dict[str, str]:
        """DuckDB types of the columns that `query` gives."""

    def close(self) -> None:
        """Close the connection."""


class _Adbc:
    """A connection made when it is first needed."""

    place: str

    def __init__(self, source: str) -> None:
        self.source = source
        self.unreadable: list[str] = []
        self.broken: SourceError | None = None
        self._connection: adbc.Connection | None = None
        self._streaming: adbc.Cursor | None = None  # a stream ends when its cursor is let go

    def _connect(self) -> adbc.Connection:
        raise NotImplementedError

    def _plain(self, value: Any) -> Any:
        """A streamed value as the source has it."""
        return value

    def run(self, statement: str, cure: str | None = None) -> None:
        """Run a statement that gives no rows; `cure` says what to do where the database rejects it."""
        try:
            self._execute(statement).close()
        except SourceError as error:
            raise (SourceError(str(error.args[0]), cure=cure) if cure else error) from None

    def _execute(self, query: str, **options: Any) -> adbc.Cursor:
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.adbc_statement.set_options(**options)
            cursor.execute(query)
            return cursor
        except (adbc_driver_manager.Error, OSError) as error:
            raise self._failed(error, UnreachableError if self._connection is None else SourceError) from None

    def _failed(self, error: Exception, kind: type[SourceError]) -> SourceError:
        return kind(
            f"{self.source}: the database at {self.place} cannot be read: {str(error).splitlines()[0]}",
            cure="start the database or make it reachable, then run again; what is landed stays landed",
        )

    def one(self, query: str) -> tuple[Any, ...]:
        cursor = self._execute(query)
        try:
            return tuple(cursor.fetchone() or ())
        finally:
            cursor.close()

    def stream(self, query: str, **options: Any) -> pa.RecordBatchReader:
        """Rows of a query as they come; one stream at a time."""
        if self._streaming is not None:
            self._streaming.close()
        self._streaming = self._execute(query, **options)
        reader = self._streaming.fetch_record_batch()
        self.unreadable.clear()
        self.broken = None
        return pa.RecordBatchReader.from_batches(reader.schema, self._readable(reader))

    def _readable(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        """The stream without the rows that are not UTF-8; one of them would end the whole table in DuckDB."""
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            except (adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
                self.broken = self._failed(error, SourceError)
                raise
            try:
                batch.validate(full=True)
            except pa.ArrowInvalid:
                batch = self._without_unreadable(batch)
            yield batch

    def _without_unreadable(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        are_readable = []
        for number in range(batch.num_rows):
            row = batch.slice(number, 1)
            try:
                row.validate(full=True)
                are_readable.append(True)
            except pa.ArrowInvalid:
                self.unreadable.append(self._as_json(row))
                are_readable.append(False)
        return batch.filter(pa.array(are_readable))

    def _as_json(self, row: pa.RecordBatch) -> str:
        """One row as JSON; a byte that is no UTF-8 is written as an escape."""
        values = {}
        for name, column in zip(row.schema.names, row.columns, strict=True):
            is_text = pa.types.is_string(column.type)
            (value,) = column.cast(pa.binary()).to_pylist() if is_text else column.to_pylist()
            values[name] = self._plain(value.decode(errors="backslashreplace") if is_text and value else value)
        return orjson.dumps(values, default=str).decode()

    def close(self) -> None:
        if self._streaming is not None:
            self._streaming.close()
            self._streaming = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Sqlite(_Adbc):
    """SQLite, whose columns have no types to rely on.

    Every value is read as the text that says it exactly (`quote` for floats and bytes: `cast` keeps 15 digits), so
    that one bad value rejects a row and not the table; and null as a mark, since the driver takes a column whose
    first rows are null for integers and then fails on text.
    """

    def __init__(self, source: str, path: Path) -> None:
        super().__init__(source)
        self.path = path
        self.place = str(path)

    def _connect(self) -> adbc.Connection:
        import adbc_driver_sqlite.dbapi as driver

        if not self.path.is_file():
            raise UnreachableError(
                f"{self.source}: the database {self.path} is not there",
                cure="make the sandbox (`lake sandbox create`), or set LAKE_SOURCE_ROOT to the folder of the sources",
            )
        connection: adbc.Connection = driver.connect(f"file:{quote(str(self.path))}?mode=ro", autocommit=True)
        return connection

    def _plain(self, value: Any) -> Any:
        return (value[1:] or None) if value.startswith(_MARK) else value

    def columns(self, table: str) -> Columns:
        with self._execute(f"select name from pragma_table_info({literal(table)})") as cursor:
            return {str(name): "" for (name,) in cursor.fetchall()}

    def mark(self, column: str, kind: str) -> Mark:
        q = quoted(column)
        is_time = f"{q} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'"
        return Mark(q, "", is_time, checksum=f"sum(strftime('%s', {q}))")

    def rows(self, table: str, columns: Columns, where: str) -> pa.RecordBatchReader:
        mark = f"char({ord(_MARK)})"
        values = ", ".join(
            f"case typeof({q}) when 'null' then {mark}"
            f" when 'text' then case when substr({q}, 1, 1) = {mark} then {mark} || {q} else {q} end"
            f" when 'integer' then cast({q} as text) else quote({q}) end as {q}"
            for q in map(quoted, columns)
        )
        options = {"adbc.sqlite.query.batch_rows": _SQLITE_ROWS}
        return self.stream(f"select {values} from {table} where {where}", **options)

    def query(self, view: str, columns: Columns, source_file: str) -> str:
        mark = f"chr({ord(_MARK)})"
        values = ", ".join(
            f"case when starts_with({q}, {mark}) then nullif(substr({q}, 2), '') else {q} end as {q}"
            for q in map(quoted, columns)
        )
        # Where there are no rows the driver takes every column for an integer.
        texts = ", ".join(f"{q}::varchar as {q}" for q in map(quoted, columns))
        return f"""select {values}, {literal(source_file)} as source_file, null::bigint as source_position
            from (select {texts} from {view})"""

    def types(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> dict[str, str]:
        return dict.fromkeys(schema.names, "VARCHAR")


class PostgreSql(_Adbc):
    """PostgreSQL, whose types are kept where Arrow has them; all else (numeric, uuid, json, money) comes as text."""

    def __init__(self, source: str, uri: str, schema: str = "public") -> None:
        super().__init__(source)
        self.uri = uri
        self.schema = schema
        self.place = uri.rpartition("@")[2].partition("?")[0]  # never the password

    def _connect(self) -> adbc.Connection:
        import adbc_driver_postgresql.dbapi as driver

        connection: adbc.Connection = driver.connect(self.uri, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"set search_path to {quoted(self.schema)}")
            # What a role or a database may have set otherwise: values as text have to be the same everywhere.
            for setting in (
                "client_encoding to 'UTF8'",
                "timezone to 'UTC'",
                "datestyle to 'ISO'",
                "extra_float_digits to 1",
                "bytea_output to 'hex'",
            ):
                cursor.execute(f"set {setting}")
        return connection

    def columns(self, table: str) -> Columns:
        query = f"""select a.attname::text, coalesce(base.typname, t.typname)::text
            from pg_attribute a join pg_type t on t.oid = a.atttypid
                left join pg_type base on base.oid = t.typbasetype
            where a.attrelid = to_regclass({literal(f"{quoted(self.schema)}.{quoted(table)}")})
                and a.attnum > 0 and not a.attisdropped
            order by a.attnum"""
        with self._execute(query) as cursor:
            return {str(name): str(kind) for name, kind in cursor.fetchall()}

    def mark(self, column: str, kind: str) -> Mark:
        q = quoted(column)
        if kind in _TIMES:
            return Mark(q, kind, "", checksum=f"sum(extract(epoch from {q}))")
        # As text: a system that let a bad time in holds its watermarks as text.
        text = f'{q}::text collate "C"'
        return Mark(text, "", f"{text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'", checksum=f"sum(hashtext({text}))")

    def rows(self, table: str, columns: Columns, where: str) -> pa.RecordBatchReader:
        values = ", ".join(_exact(quoted(name), kind) for name, kind in columns.items())
        return self.stream(f"select {values} from {table} where {where}")

    def query(self, view: str, columns: Columns, source_file: str) -> str:
        values = ", ".join(_with_infinity(quoted(name), kind) for name, kind in columns.items())
        return f"select {values}, {literal(source_file)} as source_file, null::bigint as source_position from {view}"

    def types(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> dict[str, str]:
        connection.register("sql_types", schema.empty_table())
        try:
            return column_types(connection, "sql_types")
        finally:
            connection.unregister("sql_types")


def _exact(column: str, kind: str) -> str:
    """A column as the driver gives it without bending it."""
    if kind in _TIMES:
        return f"greatest(least({column}, {kind} '{_LATEST}'), {kind} '{_EARLIEST}') as {column}"
    return column if kind in _NATIVE else f"{column}::text as {column}"


def _with_infinity(column: str, kind: str) -> str:
    if kind not in _TIMES:
        return column
    return (
        f"case when {column} >= {kind} '{_LATEST}' then {kind} 'infinity'"
        f" when {column} <= {kind} '{_EARLIEST_IN_DUCKDB}' then {kind} '-infinity' else {column} end as {column}"
    )

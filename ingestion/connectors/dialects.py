"""What differs between the SQL databases that `sql` reads, each through its ADBC driver."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_manager.dbapi as adbc
import duckdb
import pyarrow as pa

from ingestion.connectors.base import SourceError, UnreachableError, literal, quoted

#: Stands for null while rows come out of SQLite: a control character no text of a business system consists of.
_NULL = "\x01"


class Dialect(Protocol):
    """One database: how to ask it, and how its values are to be read."""

    place: str

    def columns(self, table: str) -> list[str]:
        """Names of a table's columns; empty where there is no such table."""

    def watermark(self, column: str) -> str:
        """SQL of a watermark as text that sorts like the time it says."""

    def is_time(self, watermark: str) -> str:
        """SQL condition: this watermark is a time."""

    def instant(self, at: datetime, *, like: str | None) -> str:
        """A time as watermark text, written as `like` is."""

    def parse(self, watermark: str) -> datetime:
        """The time a watermark says."""

    def one(self, query: str) -> tuple[Any, ...]:
        """The only row of a query."""

    def rows(self, table: str, names: Sequence[str], where: str) -> pa.RecordBatchReader:
        """Rows of a table, streamed."""

    def query(self, view: str, names: Sequence[str], source_file: str) -> str:
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
        self._connection: adbc.Connection | None = None
        self._streaming: adbc.Cursor | None = None  # a stream ends when its cursor is let go

    def _connect(self) -> adbc.Connection:
        raise NotImplementedError

    def _execute(self, query: str) -> adbc.Cursor:
        try:
            if self._connection is None:
                self._connection = self._connect()
            cursor = self._connection.cursor()
            cursor.execute(query)
            return cursor
        except (adbc_driver_manager.Error, OSError) as error:
            first_line = str(error).splitlines()[0]
            kind = UnreachableError if self._connection is None else SourceError
            raise kind(
                f"{self.source}: the database at {self.place} cannot be read: {first_line}",
                cure="start the database or make it reachable, then run again; what is landed stays landed",
            ) from None

    def one(self, query: str) -> tuple[Any, ...]:
        cursor = self._execute(query)
        try:
            return tuple(cursor.fetchone() or ())
        finally:
            cursor.close()

    def _stream(self, query: str) -> pa.RecordBatchReader:
        if self._streaming is not None:
            self._streaming.close()
        self._streaming = self._execute(query)
        return self._streaming.fetch_record_batch()

    def instant(self, at: datetime, *, like: str | None) -> str:
        # Without offset and fraction it sorts before every fuller text of the same second, whatever its form.
        return at.astimezone(UTC).strftime("%Y-%m-%d" + (like[10:11] if like else " ") + "%H:%M:%S")

    def parse(self, watermark: str) -> datetime:
        at = datetime.fromisoformat(watermark)
        return at if at.tzinfo else at.replace(tzinfo=UTC)

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
    that one bad value refuses a row and not the table; and null as a mark, since the driver takes a column whose
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

    def columns(self, table: str) -> list[str]:
        with self._execute(f"select name from pragma_table_info({literal(table)})") as cursor:
            return [str(name) for (name,) in cursor.fetchall()]

    def watermark(self, column: str) -> str:
        return quoted(column)

    def is_time(self, watermark: str) -> str:
        return f"{watermark} glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'"

    def rows(self, table: str, names: Sequence[str], where: str) -> pa.RecordBatchReader:
        null = f"char({ord(_NULL)})"
        values = ", ".join(
            f"case typeof({q}) when 'null' then {null} when 'text' then {q} when 'integer' then cast({q} as text)"
            f" else quote({q}) end as {q}"
            for q in map(quoted, names)
        )
        return self._stream(f"select {values} from {table} where {where}")

    def query(self, view: str, names: Sequence[str], source_file: str) -> str:
        values = ", ".join(f"nullif({q}, chr({ord(_NULL)})) as {q}" for q in map(quoted, names))
        return f"select {values}, {literal(source_file)} as source_file, null::bigint as source_position from {view}"

    def types(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> dict[str, str]:
        return dict.fromkeys(schema.names, "VARCHAR")


class PostgreSql(_Adbc):
    """PostgreSQL, whose types are kept; what Arrow has no type for (numeric, uuid, json) comes as its text."""

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
            cursor.execute("set timezone to 'UTC'")
        return connection

    def columns(self, table: str) -> list[str]:
        query = f"""select column_name::text from information_schema.columns
            where table_schema = {literal(self.schema)} and table_name = {literal(table)} order by ordinal_position"""
        with self._execute(query) as cursor:
            return [str(name) for (name,) in cursor.fetchall()]

    def watermark(self, column: str) -> str:
        # As text, whatever the column's type is: a system that let a bad time in holds them as text too.
        return f'{quoted(column)}::text collate "C"'

    def is_time(self, watermark: str) -> str:
        return f"{watermark} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}'"

    def rows(self, table: str, names: Sequence[str], where: str) -> pa.RecordBatchReader:
        values = ", ".join(map(quoted, names))
        return self._stream(f"select {values} from {table} where {where}")

    def query(self, view: str, names: Sequence[str], source_file: str) -> str:
        values = ", ".join(map(quoted, names))
        return f"select {values}, {literal(source_file)} as source_file, null::bigint as source_position from {view}"

    def types(self, connection: duckdb.DuckDBPyConnection, schema: pa.Schema) -> dict[str, str]:
        connection.register("sql_types", schema.empty_table())
        described = connection.execute("describe sql_types").fetchall()
        connection.unregister("sql_types")
        return {row[0]: row[1] for row in described}

"""How a server reads persons: one DuckDB for the process, a cursor per request, every table at its newest version.

Only the engine itself (20 ms to make) outlives a request, so that a run's results are seen at the next one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb

from contracts.settings import load_settings
from lake.sql.connections import connect
from lake.sql.rows import as_dicts
from lake.tables import table_exists

Row = dict[str, Any]


@contextmanager
def reader() -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor of this request."""
    cursor = _engine(load_settings().home).cursor()
    try:
        yield cursor
    finally:
        cursor.close()


@lru_cache(maxsize=1)
def _engine(home: Path) -> duckdb.DuckDBPyConnection:
    """The engine of the lake at `home`: it spills into that lake's folder."""
    return connect()


def rows_of(
    con: duckdb.DuckDBPyConnection, *, tables: tuple[str, ...], sql: str, parameters: dict[str, Any] | None = None
) -> list[Row]:
    """The rows of a query where all of `tables` have been made, else none: a young lake lacks some."""
    return as_dicts(con, sql, parameters) if all(table_exists(name) for name in tables) else []

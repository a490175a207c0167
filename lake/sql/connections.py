"""DuckDB as the lake's compute: connections that read Delta offline and never call outside (ADR 1, ADR 9)."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import duckdb

from contracts.settings import load_settings
from lake import clock
from lake.s3 import access
from lake.sql.text import literal
from lake.sql.tokens import create_token_macro


def extension(name: str) -> Path:
    """The file of one of DuckDB's extensions (`delta`, `httpfs`), as packaged for exactly this DuckDB version."""
    folder = Path(str(files(f"duckdb_extension_{name}"))) / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{name}.duckdb_extension"


#: What a connection has to be made with. DuckDB would check the delta extension's signature each time it is loaded, by
#: hashing 82 MB (0.35 s of CPU per connection, 1 ms without); the file comes from a package that pip has held to
#: its hash, and nothing else is ever loaded.
CONFIGURATION: dict[str, str | bool | int | float | list[str]] = {"allow_unsigned_extensions": "true"}


def connection_settings() -> dict[str, str]:
    """The DuckDB settings every connection of the project uses, ours, dbt's and Great Expectations' alike."""
    settings = load_settings()
    return {
        "threads": str(settings.threads),
        "memory_limit": settings.memory_limit,
        "temp_directory": str(settings.home / "tmp" / "duckdb"),
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        "preserve_insertion_order": "false",
        "enable_progress_bar": "false",
        # A registered Arrow spine makes ASOF fall into a loop join without this (93 s against under 1 s).
        "asof_loop_join_threshold": "0",
    }


def prepare(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Load the delta extension, apply the settings and create `lake_token` on a connection made elsewhere.

    Where the tables are in S3 the connection may read there too.
    """
    connection.execute(f"load {literal(extension('delta'))}")
    if access.is_remote(load_settings().tables_root):
        connection.execute(f"load {literal(extension('httpfs'))}")
        connection.execute(access.store_access().for_duckdb())
    for name, value in connection_settings().items():
        connection.execute(f"set {name} = {literal(value)}")
    create_token_macro(connection)
    return connection


def create_clock_macro(connection: duckdb.DuckDBPyConnection) -> None:
    """Give a connection `lake_now()`: the lake's now (`lake.clock`) as a timestamptz, the same in every query."""
    connection.execute(f"create or replace macro lake_now() as {literal(clock.now())}")


@lru_cache(maxsize=8)
def _require_readable(tables_root: str) -> None:
    """Asked once per lake and process: 5 ms."""
    from lake.layout import require_readable  # the layout is read and written by what builds on this module

    require_readable()


def connect(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that reads Delta tables with `delta_scan('…')`, in UTC, and never reaches outside.

    Raises:
        LayoutError: the lake has a layout that this code cannot read.
    """
    _require_readable(load_settings().tables_root)
    return prepare(duckdb.connect(database, config=CONFIGURATION))

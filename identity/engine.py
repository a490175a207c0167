"""The DuckDB that a resolution runs in: in memory, offline, gone afterwards. Not the lake's: it reads no Delta.

`lake identity resolve` works on any file on any machine, so nothing here asks for a lake, a token key or
`LAKE_HOME`; what does not fit into memory is spilled to the system's temporary folder.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from lake.settings import load_settings


@contextmanager
def scratch() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the time of one resolution; its spill files go with it."""
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="lake-identity-") as folder:
        connection = duckdb.connect(
            ":memory:",
            config={
                "threads": str(settings.threads),
                "memory_limit": settings.memory_limit,
                "temp_directory": folder,
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "preserve_insertion_order": "false",
            },
        )
        try:
            connection.execute("set TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


def short_hash(*values: str) -> str:
    """SQL of a hash of 63 bits, which Delta and Arrow's signed integers can hold."""
    return f"cast(hash({', '.join(values)}) >> 1 as bigint)"

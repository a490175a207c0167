"""SQL text made of names and values: the only place that quotes an identifier or writes a literal.

A value that a query can take as a parameter is passed as one. These functions are for the rest: statements without
parameters (`copy`, `create secret`, predicates of delta-rs) and SQL that is stored or handed on.
"""

import math
from datetime import date, datetime
from pathlib import Path


def quoted(name: str) -> str:
    """A quoted SQL identifier (table, column, schema), as DuckDB, PostgreSQL, SQLite and DataFusion read it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | Path | bool | int | float | date | datetime | None) -> str:
    """A value as a SQL literal of DuckDB.

    Text, whole numbers, booleans, dates and null read the same in every engine. A float is a double (`0.5e0`; DuckDB
    would take `0.5` for a decimal). A datetime with a time zone is a `timestamptz`, one without a `timestamp`.

    Raises:
        TypeError: the value is of another type.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, datetime):
        return f"{'timestamp' if value.tzinfo is None else 'timestamptz'} '{value.isoformat(sep=' ')}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str | Path):
        return "'" + str(value).replace("'", "''") + "'"
    raise TypeError(f"no SQL literal for a {type(value).__name__}")


def _double(value: float) -> str:
    if math.isfinite(value):
        digits = repr(value)
        return digits if "e" in digits else f"{digits}e0"
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return f"cast('{name}' as double)"

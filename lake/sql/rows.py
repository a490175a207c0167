"""The result of a DuckDB query as Python values: all rows as dicts, one row, one value, one column, the column types.

Every function runs the query itself. Results of any size go out as Arrow (`connection.sql(…).to_arrow_table()`); these
are for the small ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import duckdb

#: What `execute` takes: by position (`?`, `$1`) or by name (`$name`).
Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


def as_dicts(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None
) -> list[dict[str, Any]]:
    """All rows of a query, each as column name to value, in the order of its columns."""
    result = connection.execute(query, parameters)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def first_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None
) -> tuple[Any, ...] | None:
    """The first row of a query, None where it has none."""
    row: tuple[Any, ...] | None = connection.execute(query, parameters).fetchone()
    return row


def single_row(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None
) -> tuple[Any, ...]:
    """The row of a query that gives exactly one, as an aggregate without `group by` does.

    Raises:
        ValueError: it gives none or more than one.
    """
    rows = connection.execute(query, parameters).fetchmany(2)
    if len(rows) != 1:
        raise ValueError(f"expected one row, got {'none' if not rows else 'more'}: {query}")
    row: tuple[Any, ...] = rows[0]
    return row


def single_value(connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None) -> Any:
    """The value of a query that gives exactly one row of one column, as `select count(*)` does.

    Raises:
        ValueError: it gives no row, more than one, or more than one column.
    """
    row = single_row(connection, query, parameters)
    if len(row) != 1:
        raise ValueError(f"expected one column, got {len(row)}: {query}")
    return row[0]


def column_values(connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None) -> list[Any]:
    """The values of a query of one column, in the order of its rows."""
    return [value for (value,) in connection.execute(query, parameters).fetchall()]


def has_rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: Parameters | None = None) -> bool:
    """Whether a query gives at least one row; DuckDB stops at the first."""
    return first_row(connection, f"select 1 from ({query}) limit 1", parameters) is not None


def column_types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Column name to DuckDB type of a relation: the name of a table, `delta_scan('…')`, or a query in parentheses."""
    described = connection.execute(f"describe select * from {relation}").fetchall()
    return {name: kind for name, kind, *_ in described}

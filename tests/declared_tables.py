"""Rows and declarations for tests: complete rows of a declared table, tables of a test's own, tables left by others."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from contracts.catalogue.column_types import type_word
from contracts.catalogue.lookup import schema_of, temporarily_declared
from contracts.catalogue.table import Table, TableColumn
from lake.tables import table_uri


def declared_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of a declared table; a column that they leave out is null. A column that is not declared is an error."""
    schema, given = schema_of(name), list(rows)
    unknown = {column for row in given for column in row} - set(schema.names)
    assert not unknown, f"{name} has no columns {sorted(unknown)}"
    return pa.Table.from_pylist([dict(row) for row in given], schema=schema)


def table_of(name: str, schema: pa.Schema) -> Table:
    """A declaration of a table of a test's own."""
    columns = tuple(TableColumn(field.name, type_word(field.type), "Of a test.") for field in schema)
    return Table(
        name=name,
        grain="One row per row of a test.",
        owner="tests",
        writer="tests",
        read_by=(),
        retention="unlimited",
        columns=columns,
        declared_in="tests/declared_tables.py",
    )


@contextmanager
def own_table(name: str, schema: pa.Schema) -> Iterator[None]:
    """For the body of a `with`, declare a table of a test's own with these columns."""
    with temporarily_declared(table_of(name, schema)):
        yield


def leave_table(name: str, rows: pa.Table) -> None:
    """Write a table as an earlier version, another program or damage left it, with whatever columns."""
    write_deltalake(table_uri(name), rows, mode="overwrite", schema_mode="overwrite")

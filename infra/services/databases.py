"""A sandbox's SQLite databases, copied into PostgreSQL: one database per system, the same rows.

Columns have the contract's types where every value is of it, else text: a database that admitted the bad rows could
not have had the type. Loading again replaces all rows in one transaction.
"""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg import sql

from contracts.contract_file import Column, Contract, Entity, load_contracts
from lake.sql.text import quoted

_TYPES = {"string": "text", "integer": "bigint", "number": "double precision", "boolean": "boolean",
          "timestamp": "timestamptz", "date": "date"}  # fmt: skip
_ROWS = 20_000


def contracts() -> Iterator[Contract]:
    """The systems that have a PostgreSQL server in `services`."""
    return (c for c in load_contracts() if c.server("services").type == "postgresql")


def load(root: Path, address: str) -> dict[str, str]:
    """Copy the sandbox in `root` to the PostgreSQL server at `address` (without a database).

    Returns the address of each system's database.
    """
    databases = {}
    for contract in contracts():
        server = contract.server("services")
        name = server.database or contract.source
        _create_database(f"{address}/postgres", name)
        path = root / (contract.server("embedded").path or "")
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            psycopg.connect(f"{address}/{name}") as target,
        ):
            for entity in contract.entities.values():
                _copy(source, target=target, entity=entity, schema=server.schema_ or "public")
        databases[contract.source] = f"{address}/{name}"
    return databases


def _create_database(address: str, name: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _copy(source: sqlite3.Connection, *, target: psycopg.Connection, entity: Entity, schema: str) -> None:
    table = sql.Identifier(schema, entity.physical_name)
    columns = sql.SQL(", ").join(
        sql.Identifier(c.name) + sql.SQL(f" {_type(source, entity, c)}") for c in entity.columns
    )
    target.execute(sql.SQL("drop table if exists {}").format(table))
    target.execute(sql.SQL("create table {} ({})").format(table, columns))
    names = ", ".join(quoted(c.name) for c in entity.columns)
    rows = source.execute(f"select {names} from {quoted(entity.physical_name)}")
    with target.cursor().copy(sql.SQL("copy {} from stdin (format csv)").format(table)) as copy:
        while block := rows.fetchmany(_ROWS):
            text = io.StringIO()
            csv.writer(text).writerows(block)
            copy.write(text.getvalue())
    keys = sql.SQL(", ").join(sql.Identifier(name) for name in entity.primary_key)
    target.execute(sql.SQL("alter table {} add primary key ({})").format(table, keys))
    if entity.watermark:
        target.execute(sql.SQL("create index on {} ({}, {})").format(table, sql.Identifier(entity.watermark), keys))


def _type(source: sqlite3.Connection, entity: Entity, column: Column) -> str:
    """The contract's type, or text where a row holds something else."""
    if column.logical_type == "string":
        return "text"
    name = quoted(column.name)
    is_wrong = f"typeof({name}) = 'text'"
    if column.logical_type in ("timestamp", "date"):
        is_wrong = f"{name} is not null and {name} not glob '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'"
    row = source.execute(f"select exists (select 1 from {quoted(entity.physical_name)} where {is_wrong})").fetchone()
    # SQLite holds UTC without saying so; PostgreSQL reads it in the server's time zone, which is UTC.
    return "text" if row and row[0] else _TYPES[column.logical_type]

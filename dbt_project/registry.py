"""Registers the lake in a new ":memory:" DuckDB before dbt reads it: one view per Delta table.

A bronze view has exactly the columns of the contract. A column that the contract gained since the last landing reads as
typed nulls. A table that has never landed (a failed source, a world that fills only some entities) reads as no rows.
"""

from dataclasses import dataclass

import duckdb

from contracts.catalogue.zones import MODEL_ZONES
from contracts.contract_file import Entity, load_contracts
from dbt_project.sources import SCHEMA, relation_name
from lake.sql.connections import create_clock_macro
from lake.sql.rows import column_types
from lake.sql.text import quoted
from lake.sql.types import duckdb_type
from lake.tables import list_tables, scan, table_exists


@dataclass(frozen=True)
class _Column:
    name: str
    duckdb_type: str


def register_lake(connection: duckdb.DuckDBPyConnection) -> None:
    """Create a view for every bronze entity of the contracts and every Delta table of the model zones."""
    create_clock_macro(connection)
    for zone in (SCHEMA, "staging", *MODEL_ZONES):
        connection.execute(f"create schema if not exists {zone}")
    for contract in load_contracts():
        for entity in contract.entities.values():
            connection.execute(
                f"create or replace view {SCHEMA}.{quoted(relation_name(entity))} as {_bronze(connection, entity)}"
            )
    for zone in MODEL_ZONES:
        for table in list_tables(zone):
            register_table(connection, table)


def register_table(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Create the view `<zone>.<name>` on a Delta table."""
    zone, _, name = table.partition("/")
    connection.execute(f"create or replace view {zone}.{quoted(name)} as select * from {scan(table)}")


def _bronze(connection: duckdb.DuckDBPyConnection, entity: Entity) -> str:
    wanted = [_Column(field.name, duckdb_type(field.type)) for field in entity.bronze_schema()]
    if not table_exists(entity.table):
        nulls = ", ".join(f"cast(null as {column.duckdb_type}) as {quoted(column.name)}" for column in wanted)
        return f"select {nulls} where false"
    existing = column_types(connection, scan(entity.table))
    columns = ", ".join(
        quoted(c.name) if c.name in existing else f"cast(null as {c.duckdb_type}) as {quoted(c.name)}" for c in wanted
    )
    return f"select {columns} from {scan(entity.table)}"

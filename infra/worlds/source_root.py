"""Writes a source root: databases, drops, clock and truth, from Arrow tables keyed by the contract's entities.

Knows the shapes that the contracts' embedded servers name (SQLite files, gzipped JSON Lines by day) and nothing of any
data set.
"""

import gzip
import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.contract_file import Entity, load_contract
from lake.sql.text import quoted

Tables = Mapping[str, Mapping[str, pa.Table]]

_RECORDS = """
    select ?::varchar as source, ?::varchar as entity, natural_key, person, 'first' as row_kind from given
"""
_PRODUCED = """
    select
        ?::varchar as source, ?::varchar as entity, day::date as day, count(*) as rows, 0::bigint as bad_rows,
        0::bigint as exact_doubles
    from given group by day::date order by day
"""
_SQLITE_TYPES = {"integer": "INTEGER", "boolean": "INTEGER", "number": "REAL"}


def write_database(root: Path, source: str, tables: Mapping[str, pa.Table]) -> None:
    """Write a source's SQLite file, with every entity of its contract; those not in `tables` are empty.

    Columns beyond the contract are kept, as a real system would have them; contract columns that a table lacks are
    null. The file appears under its name only when it is complete.
    """
    import adbc_driver_sqlite.dbapi as adbc  # Arrow into SQLite without a Python object per value

    contract = load_contract(source)
    target = root / str(contract.server("embedded").path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with closing(sqlite3.connect(temporary)) as database:
        for name, entity in contract.entities.items():
            database.execute(_create_table(entity, tables.get(name)))
        database.commit()
    with adbc.connect(str(temporary)) as connection:
        for name, table in tables.items():
            with connection.cursor() as cursor:
                cursor.adbc_ingest(contract.entities[name].physical_name, as_text(table), mode="append")
        connection.commit()
    with closing(sqlite3.connect(temporary)) as database:
        for entity in (contract.entities[name] for name in tables):
            if entity.watermark:
                index = quoted(f"{entity.name}_{entity.watermark}")
                database.execute(f"create index {index} on {quoted(entity.physical_name)} ({quoted(entity.watermark)})")
        database.commit()
    temporary.replace(target)


def write_drops(root: Path, *, source: str, entity_name: str, table: pa.Table) -> None:
    """Write an entity's gzipped JSON Lines, one file per day of `delivered_at`. Null values are left out."""
    entity = load_contract(source).entities[entity_name]
    folder = (root / source / entity.physical_name).parent
    folder.mkdir(parents=True, exist_ok=True)
    days: dict[str, list[bytes]] = {}
    for row in as_text(table).to_pylist():
        values = {key: value for key, value in row.items() if value is not None}
        days.setdefault(row["delivered_at"][:10], []).append(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE))
    for day, lines in sorted(days.items()):
        # mtime=0: the same data give the same bytes
        (folder / f"{day}.jsonl.gz").write_bytes(gzip.compress(b"".join(lines), 6, mtime=0))


def write_clock(root: Path, now: datetime) -> None:
    """Set the root's present moment, which the lake takes as its own (ADR 9)."""
    (root / "clock.json").write_text(json.dumps({"now": now.isoformat()}))


def write_truth(root: Path, tables: Tables, persons: Mapping[str, Mapping[str, pa.Array | pa.ChunkedArray]]) -> None:
    """Write `truth/` in the sandbox's format: who each row is about, and how many rows each day brought.

    `persons` gives the person of every row of `tables`, in the same order. Real data have no planted bad rows and no
    planted duplicates, so these counts are 0; the lake can be checked for whether all rows arrive.
    """
    truth = root / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    records, produced = [], []
    for source, entities in tables.items():
        contract = load_contract(source)
        for name, table in entities.items():
            key = contract.entities[name].primary_key[0]
            about = pa.table({"natural_key": table[key], "person": persons[source][name], "day": table["delivered_at"]})
            records.append(_sql(_RECORDS, about, [source, name]))
            produced.append(_sql(_PRODUCED, about, [source, name]))
    pq.write_table(pa.concat_tables(records), truth / "records.parquet")
    pq.write_table(pa.concat_tables(produced), truth / "produced.parquet")
    everyone = _sql("select distinct person from given order by person", pa.concat_tables(records), [])
    pq.write_table(everyone, truth / "persons.parquet")
    none = pa.schema([(name, pa.string()) for name in ("source", "entity", "natural_key", "reason")])
    pq.write_table(none.empty_table(), truth / "bad_rows.parquet")


def as_text(table: pa.Table) -> pa.Table:
    """The table as SQLite and JSON hold it: times and dates as ISO 8601 text."""
    columns = [f"{_expression(field)} as {quoted(field.name)}" for field in table.schema]
    return _sql(f"select {', '.join(columns)} from given", table, [])


def _expression(field: pa.Field) -> str:
    name = quoted(field.name)
    if pa.types.is_timestamp(field.type):
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if pa.types.is_date(field.type):
        return f"strftime({name}, '%Y-%m-%d')"
    return name


def _create_table(entity: Entity, table: pa.Table | None) -> str:
    declared = {c.name: _SQLITE_TYPES.get(c.logical_type, "TEXT") for c in entity.columns}
    beyond = [] if table is None else [name for name in table.column_names if name not in declared]
    columns = {**declared, **dict.fromkeys(beyond, "TEXT")}
    declarations = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
    return f"create table {quoted(entity.physical_name)} ({declarations})"


def _sql(query: str, given: pa.Table, parameters: list[str]) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("given", given)
        return connection.execute(query, parameters).to_arrow_table()

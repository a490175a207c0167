"""Random rows that keep a contract, and files, databases and pages made of them: a source for landing's tests.

Knows nothing of the simulated world: rows have the right shape and no meaning.
"""

import csv
import gzip
import io
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from contracts.contract_file import Column, Contract, Entity, load_contracts

NOW = datetime(2026, 7, 1, tzinfo=UTC)
Row = dict[str, Any]


def make_rows(entity: Entity, count: int, *, seed: int = 7, day: int = 0, start: int = 0) -> list[Row]:
    """Rows with keys from `start`, which happened on one day (`day` days before `NOW`) and were delivered then."""
    rng = random.Random(f"{seed}/{entity.source}/{entity.name}/{day}/{start}")
    return [_row(entity, number, rng, NOW - timedelta(days=day + 1)) for number in range(start, start + count)]


def as_json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row, default=_text, ensure_ascii=False) + "\n" for row in rows).encode()


def as_csv(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> bytes:
    """Rows as CSV; a null is an empty field."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(names), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _csv(row.get(name)) for name in names} for row in rows)
    return text.getvalue().encode()


def write_file(root: Path, entity: Entity, name: str, rows: list[Row]) -> Path:
    """One drop file of an entity, in the format its glob says."""
    pattern = root / entity.source / entity.physical_name
    path = pattern.parent / pattern.name.replace("*", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if pattern.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows, schema=entity.source_schema()), path)
        return path
    content = as_csv(rows, entity.source_schema().names) if pattern.suffix == ".csv" else as_json_lines(rows)
    path.write_bytes(gzip.compress(content) if pattern.suffix == ".gz" else content)
    return path


def write_table(root: Path, contract: Contract, entity: Entity, rows: list[Row]) -> Path:
    """Rows added to an entity's table in the source's SQLite file."""
    path = root / str(contract.server("embedded").path)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = entity.source_schema().names
    columns = ", ".join(f'"{name}"' for name in names)
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table if not exists {entity.physical_name} ({columns})")
        connection.executemany(
            f"insert into {entity.physical_name} ({columns}) values ({', '.join('?' * len(names))})",
            [[_sql(row.get(name)) for name in names] for row in rows],
        )
    return path


def make_sources(root: Path, *, rows: int = 5, days: int = 2) -> None:
    """A tiny drop folder or database for every source whose embedded server is local, and the clock next to them."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "clock.json").write_text(json.dumps({"now": NOW.isoformat()}))
    for contract in load_contracts():
        for entity in contract.entities.values():
            for day in range(days):
                made = make_rows(entity, rows, day=day, start=day * rows)
                server = contract.server("embedded")
                if server.format == "sqlite":
                    write_table(root, contract, entity, made)
                elif server.type == "local":
                    write_file(root, entity, (NOW - timedelta(days=day + 1)).date().isoformat(), made)


def _row(entity: Entity, number: int, rng: random.Random, day: datetime) -> Row:
    at = day + timedelta(microseconds=rng.randrange(86_000_000_000))
    row = {column.name: _value(column, number, rng, at) for column in entity.columns}
    for name in ("event_at", entity.watermark, entity.known_at):
        if name:
            row[name] = at if name == "event_at" else at + timedelta(minutes=5)
    return row


def _value(column: Column, number: int, rng: random.Random, at: datetime) -> Any:
    if column.primary_key:
        return f"C{number:07d}" if column.pattern else f"{column.name}-{number}"
    if not column.required and rng.random() < 0.2:
        return None
    if column.allowed:
        return rng.choice(column.allowed)
    if column.pattern:
        return f"C{rng.randrange(10**7):07d}"
    low = 0 if column.minimum is None else column.minimum
    high = low + 1000 if column.maximum is None else column.maximum
    match column.logical_type:
        case "integer":
            return rng.randint(int(low), int(high))
        case "number":
            return rng.uniform(low, high)
        case "boolean":
            return rng.random() < 0.5
        case "timestamp":
            return at - timedelta(hours=rng.randrange(48))
        case "date":
            return at.date() - timedelta(days=rng.randrange(1000))
    return rng.choice(["0012 straße", "陈 小明", 'O\'Neil, "Pat"', "👩‍👩‍👧 family", "café", ""]) + str(number)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _csv(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    return repr(value) if isinstance(value, float) else _sql(value)


def _sql(value: Any) -> Any:
    return (
        value.isoformat(sep=" ")
        if isinstance(value, datetime)
        else value.isoformat()
        if isinstance(value, date)
        else value
    )

"""Small sandboxes for tests, and how to look into one as its readers do."""

import csv
import gzip
import hashlib
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from contracts.contract_file import Contract, Entity
from infra.sandbox.systems import simulated_contracts
from infra.sandbox.world import create

PERSONS, DAYS, SEED = 250, 60, 7
Row = dict[str, Any]


def make(folder: Path, *, persons: int = PERSONS, days: int = DAYS, seed: int = SEED) -> Path:
    """A sandbox in a new folder."""
    root = folder / f"sandbox-{persons}-{days}-{seed}"
    create(root, persons=persons, days=days, seed=seed)
    return root


def entities() -> Iterator[tuple[Contract, Entity]]:
    """All entities of all systems."""
    for contract in simulated_contracts():
        for entity in contract.entities.values():
            yield contract, entity


def files(root: Path, contract: Contract, entity: Entity) -> list[Path]:
    """The drop files of an entity, oldest first."""
    return sorted((root / contract.source).glob(entity.physical_name))


def rows(root: Path, contract: Contract, entity: Entity) -> list[Row]:
    """Every row that the system shows, as its format says it (CSV: text, empty is None)."""
    server = contract.server("embedded")
    if server.format == "sqlite":
        with closing(sqlite3.connect(root / str(server.path))) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(f'select * from "{entity.physical_name}"')]
    if server.type == "api":
        return [json.loads(line) for line in (root / contract.source / f"{entity.name}.jsonl").read_text().splitlines()]
    return [row for path in files(root, contract, entity) for row in file_rows(path)]


def file_rows(path: Path) -> list[Row]:
    """Rows of one drop file."""
    if path.suffix == ".parquet":
        found: list[Row] = pq.read_table(path).to_pylist()
        return found
    if path.suffix == ".csv":
        lines = csv.DictReader(io.StringIO(path.read_text(), newline=""))
        return [{name: value or None for name, value in line.items()} for line in lines]
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def fingerprint(root: Path) -> dict[str, str]:
    """What every file of a sandbox holds: databases by their rows, Parquet by its values, others by their bytes."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_file() and not name.startswith("truth/pending"):
            found[name] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as database:
            tables = [
                name for (name,) in database.execute("select name from sqlite_master where type = 'table' order by 1")
            ]
            return repr([(t, sorted(map(repr, database.execute(f'select * from "{t}"')))) for t in tables]).encode()
    if path.suffix == ".parquet":
        return repr(sorted(map(repr, pq.read_table(path).to_pylist()))).encode()
    return path.read_bytes()

"""Many at work on one table: appenders, maintenance and readers, each a process, and what they saw.

Every appender numbers its rows from 0. A reader may come at any moment: what it sees has to be the beginning of
each appender's numbers, without a gap and without a duplicate, and every file that the log names has to be there.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from lake.data_files import copy_into, table_folder
from lake.maintenance import Policy, maintain_table
from lake.sql.connections import connect
from lake.tables import scan, table_uri
from lake.writer import Commit, append, commit_files, table_lock
from tests.declared_tables import own_table

TABLE = "bronze/shop/events"
SCHEMA = pa.schema([("writer", pa.int64()), ("number", pa.int64()), ("text", pa.string())])
ROWS = 20
#: Old versions can be read this long; a read here takes a tenth of it at most. The policy's seven days, made short so
#: that vacuum finds something within seconds; what it asks of readers is the same: none may take longer than this.
KEPT = timedelta(seconds=3)
CONFIGURATION = {"delta.deletedFileRetentionDuration": f"interval {int(KEPT.total_seconds())} seconds"}


@dataclass(frozen=True)
class Findings:
    """What is wrong with rows that were read; all zero in a sound table."""

    lost: int
    doubled: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return self == Findings(0, 0)


def judge(rows: Sequence[tuple[int, int]], *, at_least: int = 0) -> Findings:
    """Look for gaps and duplicates in (writer, number); `at_least` rows were committed before the read began."""
    numbers: dict[int, list[int]] = {}
    for writer, number in rows:
        numbers.setdefault(writer, []).append(number)
    gaps = sum(max(found) + 1 - len(set(found)) for found in numbers.values())
    doubled = sum(len(found) - len(set(found)) for found in numbers.values())
    return Findings(gaps + max(0, at_least - len(rows)), doubled)


def append_batches(writer: int, batches: int, seconds: float) -> None:
    """Append batches as one stream, until their number or the time is up: even streams as Arrow, odd ones as files."""
    until = time.monotonic() + seconds
    with connect() as connection:
        for batch in range(batches):
            if time.monotonic() > until:
                break
            append_batch(connection, writer, batch)


def append_batch(connection: duckdb.DuckDBPyConnection, writer: int, batch: int) -> None:
    """One batch of `ROWS` rows."""
    query = f"""select {writer}::bigint as writer, range as number, repeat('x', 100) as text
        from range({batch * ROWS}, {(batch + 1) * ROWS})"""
    commit = Commit(f"writer-{writer}", batch)
    with own_table(TABLE, SCHEMA):
        if writer % 2:
            with table_lock(TABLE):
                files = copy_into(connection, query, table_folder(TABLE))
                assert commit_files(TABLE, files, SCHEMA, commit=commit, configuration=CONFIGURATION)
        else:
            rows = connection.execute(query).to_arrow_table().cast(SCHEMA)
            assert append(TABLE, rows, commit=commit, configuration=CONFIGURATION)


def maintain_again_and_again(seconds: float, report: str) -> None:
    """Compact, vacuum, sweep and checkpoint without a pause; how much goes to the file `report`."""
    policy = Policy(small_files=4, retention=None, is_enforced=False)
    done: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        maintained = maintain_table(TABLE, policy=policy)
        done.update(compacted=maintained.files_compacted, vacuumed=maintained.files_vacuumed)
        time.sleep(0.05)
    Path(report).write_text(json.dumps(done))


def read_again_and_again(engine: str, seconds: float, report: str) -> None:
    """Read the whole table without a pause; what was seen goes to the file `report`."""
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds
    least = 0
    with connect() as connection:
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                rows = read(connection, engine)
            except Exception as error:
                seen["missing-file reads"] += 1
                seen[f"error: {str(error).splitlines()[0][:200]}"] += 1
                continue
            found = judge(rows, at_least=least)
            least = len(rows)
            seen["reads"] += 1
            seen["lost"] += found.lost
            seen["doubled"] += found.doubled
            seen["slowest (ms)"] = max(seen["slowest (ms)"], int(1000 * (time.monotonic() - started)))
    Path(report).write_text(json.dumps(seen))


def read(connection: duckdb.DuckDBPyConnection, engine: str) -> list[tuple[int, int]]:
    """All (writer, number) of the newest version; every column of every file is opened."""
    if engine == "duckdb":
        return connection.execute(f"select writer, number from {scan(TABLE)} where text is not null").fetchall()
    table = DeltaTable(table_uri(TABLE)).to_pyarrow_table().select(["writer", "number"])
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def seen_by_readers(reports: Sequence[str]) -> Counter[str]:
    """What all readers saw, added up (the slowest read: of all)."""
    total: Counter[str] = Counter()
    for report in reports:
        for name, count in json.loads(Path(report).read_text()).items():
            total[name] = max(total[name], count) if "slowest" in name else total[name] + count
    return total

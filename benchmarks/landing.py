"""Landing 10 million rows from each kind of source (`--quick`: 2 million), and 100 million from Parquet for memory.

The physical limit is this engine reading the source with its types given and writing Parquet: `bare`, in the same run
on the same input. The second reference is `dlt`, which loads the same rows to Delta and checks less. Ours validates
every row against its contract, rejects one in a thousand into quarantine with its reason, drops exact duplicates, and
commits rows, cursor and counters at once. Costs are CPU seconds, since the machine's other work does not change those
much. dlt reads with Arrow where it can; JSON Lines pass through Python there, so that of those it gets fewer rows, and
so do we then.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, main, say
from benchmarks.inputs import landing_inputs
from benchmarks.machine import ROOT

ROWS, QUICK_ROWS, MEMORY_ROWS = 10_000_000, 2_000_000, 100_000_000
#: Rows of JSON Lines for dlt: it takes 50 CPU seconds a million.
DLT_MOST = {"jsonl": 500_000}
PEAK_GOAL_MB = 1024.0
FORMATS = ("parquet", "csv", "jsonl", "postgresql")
BARE = "DuckDB reads and writes Parquet"


def measure(quick: bool) -> Sequence[Figure]:
    """Make the inputs of each format, run the three ways on them, each in a process of its own."""
    figures: list[Figure] = []
    for file_format in _possible():
        rows = QUICK_ROWS if quick else ROWS
        with _prepared(file_format, rows) as ways:
            bare, ours = ways("bare"), ways("lake")
            say(f"{file_format}: bare {bare['cpu']:.1f}, ours {ours['cpu']:.1f} CPU s")
            figures.append(Figure(f"landing {file_format}", "CPU s", ours["cpu"], bare["cpu"], BARE, 2.0))
            figures.append(_memory(file_format, ours))
            if rows <= DLT_MOST.get(file_format, rows):
                figures.append(_beside_dlt(file_format, ours, ways("dlt")))
                continue
        with _prepared(file_format, DLT_MOST[file_format]) as ways:
            figures.append(_beside_dlt(file_format, ways("lake"), ways("dlt")))
    if not quick:
        with _prepared("parquet", MEMORY_ROWS) as ways:
            figures.append(_memory("100 million rows", ways("lake")))
    return figures


def _possible() -> Iterator[str]:
    """The formats whose servers this machine has."""
    from infra.services.servers import missing

    for file_format in FORMATS:
        if file_format == "postgresql" and missing([file_format]):
            say(f"left out, not installed: {', '.join(missing([file_format]))}")
        else:
            yield file_format


def _beside_dlt(file_format: str, ours: Mapping[str, Any], other: Mapping[str, Any]) -> Figure:
    say(f"{file_format}: dlt {other['cpu']:.1f}, ours {ours['cpu']:.1f} CPU s")
    return Figure(f"landing {file_format}, against dlt", "CPU s", ours["cpu"], other["cpu"], "dlt", 0.5)


def _memory(of: str, run: Mapping[str, Any]) -> Figure:
    return Figure(f"memory, {of}", "MB", run["peak_mb"], PEAK_GOAL_MB, "the limit set", 1.0)


@contextmanager
def _prepared(file_format: str, rows: int) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Some rows at their place; gives what runs one way over them and holds it to the number of rows."""
    with tempfile.TemporaryDirectory(prefix="lake-bench-") as name, _source(Path(name), file_format, rows) as place:

        def run_way(way: str) -> dict[str, Any]:
            done = run(way, file_format=file_format, place=place, folder=Path(name))
            if done["rows"] != rows:
                raise SystemExit(f"{way} took {done['rows']:,} of {rows:,} rows: not the same work")
            return done

        yield run_way


@contextmanager
def _source(folder: Path, file_format: str, total: int) -> Iterator[str]:
    """The rows at their place (a folder, or a database that runs meanwhile), declared; gives the place."""
    contracts = folder / "contracts"
    if file_format != "postgresql":
        landing_inputs.declare(
            contracts,
            {"server": "embedded", "type": "local", "path": "web_app", "format": file_format},
            f"page_views/*.{file_format}",
        )
        yield str(landing_inputs.make(folder / "sources", file_format, total))
        return
    from infra.services.servers import running

    with running(["postgresql"]) as services:
        place = services.database("postgres")
        _fill(place, total)
        landing_inputs.declare(
            contracts,
            {"server": "embedded", "type": "postgresql", "host": "127.0.0.1", "port": 5432, "database": "postgres"},
            "page_views",
        )
        os.environ["LAKE_SOURCE_WEB_APP_URL"] = place
        try:
            yield place
        finally:
            del os.environ["LAKE_SOURCE_WEB_APP_URL"]


def _fill(place: str, total: int) -> None:
    import adbc_driver_postgresql.dbapi as driver
    import duckdb

    with driver.connect(place) as database, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for first in range(0, total, landing_inputs.FILE_ROWS):
            reader = connection.execute(landing_inputs.rows(first, total)).to_arrow_reader(100_000)
            with database.cursor() as cursor:
                cursor.adbc_ingest("page_views", reader, mode="create_append")
            database.commit()
        with database.cursor() as cursor:
            cursor.execute("create index on page_views (delivered_at)")
        database.commit()


def run(way: str, *, file_format: str, place: str, folder: Path) -> dict[str, Any]:
    """One way in a process of its own, in its own lake; what it prints last is its JSON."""
    to = folder / way
    to.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LAKE_") or name.endswith("_URL")},
        "LAKE_HOME": str(to),
        "LAKE_SOURCE_ROOT": str(folder / "sources"),
        "LAKE_CONTRACTS": str(folder / "contracts"),
        "LAKE_TOKEN_KEY_FILE": str(folder / "token.key"),
        "LAKE_NOW": "2026-07-01T00:00:00+00:00",
        "LAKE_THREADS": str(os.cpu_count() or 2),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "benchmarks.measured.landing_ways", way, file_format, place, str(to)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way} of {file_format} failed; its message stands above")
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main(measure)

"""Three ways from a source to a table, each in a process of its own.

`python -m benchmarks.measured.landing_ways WAY FORMAT PLACE TO`, for `benchmarks/landing.py`.

`bare` is DuckDB reading the source with its types given and writing Parquet: what no landing on this engine can be
faster than. `lake` is ours. `dlt` loads the same files to Delta with its own readers, Arrow where it has it. Prints
CPU seconds (imports left out), wall seconds, rows and peak memory as JSON.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.inputs.landing_inputs import COLUMNS
from contracts.settings import load_settings


def bare(file_format: str, place: str, to: Path) -> Callable[[], int]:
    """DuckDB's own reading and writing."""
    import duckdb

    connection = duckdb.connect(config={"threads": load_settings().threads})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = false")
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items()) + "}"
    source = {
        "parquet": f"read_parquet('{place}/*.parquet')",
        "csv": f"read_csv('{place}/*.csv', auto_detect=false, header=true, delim=',', quote='\"', columns={columns})",
        "jsonl": f"read_json('{place}/*.jsonl', format='newline_delimited', columns={columns})",
        "postgresql": "stream",
    }[file_format]

    def run() -> int:
        if file_format == "postgresql":
            import adbc_driver_postgresql.dbapi as driver

            with driver.connect(place) as database, database.cursor() as cursor:
                cursor.execute("select * from page_views")
                connection.register("stream", cursor.fetch_record_batch())
                return _copy()
        return _copy()

    def _copy() -> int:
        done = connection.execute(f"copy (from {source}) to '{to}' (format parquet, per_thread_output)").fetchone()
        return int(done[0]) if done else 0

    return run


def lake(file_format: str, place: str, to: Path) -> Callable[[], int]:
    """Ours, with contract, quarantine, duplicates and exactly-once."""
    import pandas  # noqa: F401  # pyarrow imports it with the first array it makes

    from ingestion.landing.land import land_source

    def run() -> int:
        result = land_source("web_app")
        if result.error:
            raise SystemExit(result.error)
        return result.counts.received

    return run


def dlt(file_format: str, place: str, to: Path) -> Callable[[], int]:
    """dlt's verified readers into its filesystem destination, as Delta."""
    import dlt as dlt_
    from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_jsonl, read_parquet
    from dlt.sources.sql_database import sql_table

    if file_format == "postgresql":
        resource_ = sql_table(place, "page_views", backend="pyarrow")
    else:
        files = filesystem(bucket_url=Path(place).as_uri(), file_glob=f"*.{file_format}")
        reader = {
            "parquet": lambda: read_parquet(chunksize=100_000, use_pyarrow=True),
            "csv": lambda: read_csv_duckdb(chunk_size=100_000, use_pyarrow=True),
            "jsonl": lambda: read_jsonl(chunksize=10_000),
        }[file_format]
        resource_ = files | reader()
    pipeline = dlt_.pipeline(
        "bench",
        pipelines_dir=str(to / "pipeline"),
        destination=dlt_.destinations.filesystem(bucket_url=(to / "lake").as_uri()),
        dataset_name="bronze",
    )

    def run() -> int:
        pipeline.run(resource_.with_name("page_views"), table_format="delta", loader_file_format="parquet")
        counted: Any = pipeline.last_trace.last_normalize_info if pipeline.last_trace else None
        return int(counted.row_counts["page_views"])

    return run


def cpu_seconds() -> float:
    """CPU of this process and of its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    way, file_format, place, to = sys.argv[1:]
    run = {"bare": bare, "lake": lake, "dlt": dlt}[way](file_format, place, Path(to))
    before, started = cpu_seconds(), time.perf_counter()
    landed = run()
    print(
        json.dumps(
            {
                "rows": landed,
                "cpu": cpu_seconds() - before,
                "seconds": time.perf_counter() - started,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )

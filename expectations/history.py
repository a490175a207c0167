"""What came of past checks: the table `ops/quality_results`, appended once per run and bounded.

A run's id starts with its moment, so that runs sort; `checked_at` is the lake's clock. No value of a row is in here.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import QUALITY_RESULTS
from contracts.logical_types import TIMESTAMP
from expectations.check import CheckResult
from lake import clock, writer
from lake.sql.connections import connect
from lake.sql.text import literal, quoted
from lake.tables import scan, table_exists

#: Runs kept (a pipeline run checks each layer once); beyond the second number the oldest are dropped down to the first.
RUNS_KEPT, RUNS_AT_MOST = 800, 1000

_TEXT = ("layer", "table", "column", "name", "severity", "observed", "expected", "message", "cure", "unit", "scope")
SCHEMA = pa.schema(
    [
        pa.field("run_id", pa.string()),
        pa.field("checked_at", TIMESTAMP),
        *(pa.field(name, pa.string()) for name in _TEXT),
        pa.field("passed", pa.bool_()),
        pa.field("measured", pa.float64()),
    ]
)


def append(results: Sequence[CheckResult]) -> None:
    """Append one run's results in one commit; nothing is written where nothing was checked."""
    if not results:
        return
    run = {"run_id": f"{time.time_ns():020d}", "checked_at": clock.now()}
    rows = pa.Table.from_pylist([run | asdict(result) for result in results], schema=SCHEMA)
    writer.append(QUALITY_RESULTS, rows)
    _drop_oldest()


def _drop_oldest() -> None:
    with connect() as connection:
        runs = connection.sql(f"select distinct run_id from {scan(QUALITY_RESULTS)} order by run_id desc").fetchall()
    if len(runs) > RUNS_AT_MOST:
        oldest_kept = runs[RUNS_KEPT - 1][0]
        writer.overwrite(QUALITY_RESULTS, SCHEMA.empty_table(), predicate=f"run_id < {literal(oldest_kept)}")


def newest_results(connection: duckdb.DuckDBPyConnection) -> list[CheckResult]:
    """What came of each check when it last ran; empty before the first run."""
    if not table_exists(QUALITY_RESULTS):
        return []
    columns = ", ".join(quoted(name) for name in CheckResult.__dataclass_fields__)
    rows = connection.sql(
        f"""select {columns} from (
                select *, max(run_id) over (partition by "table") as newest_run from {scan(QUALITY_RESULTS)}
            ) where run_id = newest_run"""
    )
    return [CheckResult(**dict(zip(rows.columns, row, strict=True))) for row in rows.fetchall()]


PastRow = tuple[str, str | None, str, datetime, bool, float | None]


def past(connection: duckdb.DuckDBPyConnection, runs: int) -> list[PastRow]:
    """Each check's outcomes in the newest runs of its table, oldest first.

    Rows are table, column, name, moment, outcome and the number measured.
    """
    if not table_exists(QUALITY_RESULTS):
        return []
    rows = connection.sql(
        f"""select "table", "column", name, checked_at, passed, measured from (
                select *, dense_rank() over (partition by "table" order by run_id desc) as age
                from {scan(QUALITY_RESULTS)}
            ) where age <= {runs} order by run_id"""
    )
    return rows.fetchall()

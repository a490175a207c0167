"""Plain facts of a Delta table: rows, bytes, version, newest event. Taken from its log where the log knows them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.tables import open_table, scan

#: Columns that hold when something happened; the first of them that a table has counts.
EVENT_COLUMNS = ("event_at", "event_timestamp", "updated_at")


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """What a table holds at its newest version. `bytes` counts the files of that version only."""

    name: str
    rows: int
    bytes: int
    version: int
    freshest_event_at: datetime | None


def table_facts(name: str, *, with_events: bool = True) -> TableFacts | None:
    """Facts of a table, or None where it has not been made yet. `with_events` may cost a scan of one column."""
    table = open_table(name)
    if table is None:
        return None
    actions = pa.table(table.get_add_actions(flatten=True))
    counted = "num_records" in actions.column_names and actions["num_records"].null_count == 0
    rows = (pc.sum(actions["num_records"]).as_py() or 0) if counted else table.count()
    size = pc.sum(actions["size_bytes"]).as_py() or 0
    column = _event_column(table.schema().to_arrow())
    freshest = _freshest(name, column, actions) if with_events and column and rows else None
    return TableFacts(name=name, rows=rows, bytes=size, version=table.version(), freshest_event_at=freshest)


def rows_per_day(name: str, days: int = 10) -> list[tuple[str, int]]:
    """Rows per day of the newest `days` days that have any, oldest first; empty where a table has no event column."""
    from lake.sql.connections import connect

    table = open_table(name)
    column = _event_column(table.schema().to_arrow()) if table else None
    if column is None:
        return []
    with connect() as connection:
        newest_first = connection.execute(
            f"select strftime({column}, '%Y-%m-%d') as day, count(*) from {scan(name)}"
            f" where {column} is not null group by day order by day desc limit ?",
            [days],
        ).fetchall()
    return [(day, rows) for day, rows in reversed(newest_first)]


def _event_column(schema: Any) -> str | None:
    names = set(schema.names)
    return next((column for column in EVENT_COLUMNS if column in names), None)


def _freshest(name: str, column: str, actions: pa.Table) -> datetime | None:
    statistic = f"max.{column}"
    if statistic in actions.column_names and actions[statistic].null_count == 0:
        return _utc(pc.max(actions[statistic]).as_py())
    from lake.sql.connections import connect

    with connect() as connection:
        row = connection.execute(f"select max({column}) from {scan(name)}").fetchone()
    return _utc(row[0]) if row and isinstance(row[0], datetime) else None


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

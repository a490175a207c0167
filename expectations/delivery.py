"""How much each source delivered, day by day, and which days were unusual: facts that checks and the portal share.

A day counts rows by `known_at`, the moment the source made them available, so that a first load of half a year shows
half a year of days. Only entities that deliver often enough to have a habit are watched.
"""

from collections.abc import Mapping, Sequence

import duckdb

from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import quoted

DAILY_ROWS = "lake_daily_rows"
NEWEST_ROWS = "lake_newest_rows"
UNUSUAL_DAYS = "lake_unusual_days"
_DAILY = ScratchTable(DAILY_ROWS, {"table_name": "VARCHAR", "day": "DATE", "rows": "BIGINT"}, is_temporary=False)
_NEWEST = ScratchTable(NEWEST_ROWS, {"source": "VARCHAR", "newest": "TIMESTAMP WITH TIME ZONE"}, is_temporary=False)
_UNUSUAL = ScratchTable(
    UNUSUAL_DAYS, {**_DAILY.columns, "usual": "DOUBLE", "is_watched": "BOOLEAN"}, is_temporary=False
)
#: What it makes, Great Expectations reads through cursors; what it reads are tables of the lake, not of the connection.
_MEASURE = Computation("measure deliveries", makes=(_DAILY, _NEWEST, _UNUSUAL))

CHARTED_DAYS = 180  # the days judged and drawn
WATCHED_DAYS = 7  # the newest of them, whose unusual days are a warning
HABIT_DAYS = 28  # the days before a day, which make its habit
MIN_HABIT_ROWS = 20  # rows a day, in the median, below which even silence may be chance
#: A day is unusual beyond this many robust standard deviations of the habit *and* beyond these factors of its median.
DEVIATIONS = 3.0
MIN_FACTOR, MAX_FACTOR = 1 / 3, 3.0


def measure_delivery(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Sequence[str]]) -> None:
    """Make the tables `lake_daily_rows`, `lake_newest_rows` and the view `lake_unusual_days`.

    A row dated after now (a skewed clock) counts for neither: it would hide that its source is silent.
    `tables` gives each source its bronze tables, of which views exist under their own names. Needs `lake_now()`.
    """
    with _MEASURE.on(connection) as step:
        step.make_empty(_DAILY)
        step.make_empty(_NEWEST)
        for source, names in tables.items():
            for name in names:
                step.insert(
                    _DAILY,
                    f"""select ? as table_name, cast(known_at as date) as day, count(*) as rows from {quoted(name)}
                        where known_at >= cast(lake_now() as date) - {CHARTED_DAYS + HABIT_DAYS}
                            and known_at <= lake_now()
                        group by 2""",
                    [name],
                )
            newest = " union all ".join(
                f"select max(known_at) as newest from {quoted(name)} where known_at <= lake_now()" for name in names
            )
            step.insert(_NEWEST, f"select ? as source, max(newest) as newest from ({newest})", [source])
        step.make_view(_UNUSUAL, _unusual_days())


def _unusual_days() -> str:
    """Days far from the habit of the four weeks before: their median and median absolute deviation (Hampel 1974).

    Both are of square roots, in which a count's chance is the same for few and for many (0.5 for pure chance: Bartlett
    1936), so that a drop from 30 to 5 stands out as much as a flood does. Counted days without a row are zeros. The
    present day is left out: it is not over. `is_watched`: of the last week.
    """
    return f"""
        with calendar as (
            select t.table_name, cast(d.day as date) as day
            from (select table_name, min(day) as first_day from {DAILY_ROWS} group by 1) as t,
                generate_series(t.first_day, cast(lake_now() as date) - 1, interval 1 day) as d(day)
        ),
        counted as (
            select c.table_name, c.day, coalesce(r.rows, 0) as rows
            from calendar as c left join {DAILY_ROWS} as r using (table_name, day)
        ),
        judged as (
            select table_name, day, rows, median(sqrt(rows)) over habit as usual, mad(sqrt(rows)) over habit as spread,
                count(*) over habit as days
            from counted
            window habit as (
                partition by table_name order by day rows between {HABIT_DAYS} preceding and 1 preceding
            )
        )
        select table_name, day, rows, usual * usual as usual,
            day >= cast(lake_now() as date) - {WATCHED_DAYS} as is_watched
        from judged
        where days >= {HABIT_DAYS // 2} and usual * usual >= {MIN_HABIT_ROWS}
            and day >= cast(lake_now() as date) - {CHARTED_DAYS}
            and abs(sqrt(rows) - usual) > {DEVIATIONS} * greatest(1.4826 * spread, 0.5)
            and (rows < {MIN_FACTOR} * usual * usual or rows > {MAX_FACTOR} * usual * usual)
    """

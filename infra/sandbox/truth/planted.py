"""What the world knows about itself: planted effects and troubles for `truth/effects.json`, and the schema change."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from contracts.contract_file import Entity
from infra.sandbox.life import effects, journeys
from infra.sandbox.life.calendar import NEVER
from infra.sandbox.life.incidents import planted
from infra.sandbox.life.simulate import World
from infra.sandbox.people.households import BRANCHES
from infra.sandbox.rows import troubles
from infra.sandbox.rows.draw import DAY
from infra.sandbox.rows.troubles import Plan

#: From the first advanced day on, sessions say how wide the screen was.
NEW_COLUMN = ("web_app", "sessions", "screen_width_px")


def with_new_column(connection: duckdb.DuckDBPyConnection, entity: Entity, table: pa.Table) -> pa.Table:
    """The rows of an advanced day with the column that appears in one entity."""
    source, name, column = NEW_COLUMN
    if (entity.source, entity.name) != (source, name):
        return table
    connection.register("frame", table)
    counted = connection.execute(
        f"""select [360, 390, 414, 1280, 1440, 1920][1 + (hash({entity.primary_key[0]}) % 6)::integer]::bigint as width
            from frame"""
    ).to_arrow_table()
    connection.unregister("frame")
    return table.append_column(column, counted["width"])


def effects_of(world: World) -> dict[str, Any]:
    """Sizes of what is planted, as constants."""
    named = {
        name.lower(): value
        for name, value in vars(effects).items()
        if name.isupper() and isinstance(value, int | float)
    }
    window = world.window(0, 0)
    fixes = journeys.fix_dates(window)
    return {
        **named,
        "complementary_products": [
            [p.product_id, effects.PRODUCTS[p.complement].product_id]
            for p in effects.PRODUCTS
            if p.complement is not None
        ],
        "claim_fix_by_branch": {f"B{b:03d}": _moment(int(fixes[b])) for b in range(BRANCHES) if fixes[b] != NEVER},
        "claim_fix_placebo_branch": f"B{journeys.placebo_branch(window):03d}",
        "incidents": [{**asdict(i), "start": _moment(i.start), "end": _moment(i.end)} for i in planted(window)],
    }


def _moment(microseconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)).isoformat()


def _day(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def measured(folder: Path, world: World) -> dict[str, float | None]:
    """What came of it by chance, for those who were customers from the start; null where nobody left or stayed.

    `churn_per_year`, and `best_auc`: how well the true chances of leaving foretell who left, which no model can beat.
    """
    with duckdb.connect() as connection:
        row = connection.execute(
            """
            with ranked as (
                select left_at is not null as gone,
                       rank() over (order by churn_chance)
                           + (count(*) over (partition by churn_chance) - 1) / 2.0 as place
                from read_parquet($file)
                where joined_at < make_timestamptz($start)
            )
            select count(*) filter (gone), count(*) filter (not gone), sum(place) filter (gone) from ranked
            """,
            {"file": str(folder / "persons.parquet"), "start": world.start},
        ).fetchone()
    left, stayed, places = row or (0, 0, None)
    if not left or not stayed:
        return {"churn_per_year": None, "best_auc": None}
    yearly = 1 - (stayed / (left + stayed)) ** (365 / world.days)
    return {
        "churn_per_year": round(yearly, 4),
        "best_auc": round((float(places) - left * (left + 1) / 2) / (left * stayed), 4),
    }


def document(world: World, planned: Plan, folder: Path) -> dict[str, Any]:
    """The document `truth/effects.json`."""
    source, entity, column = NEW_COLUMN
    return {
        "world": {
            "persons": world.persons,
            "days": world.days,
            "seed": world.seed,
            "start": _moment(world.start),
            "end": _moment(world.end),
        },
        "effects": effects_of(world),
        "measured": measured(folder, world),
        "troubles": {
            "silent": {
                "source": troubles.SILENT_SOURCE,
                "first_day": _day(planned.silent_day),
                "days": troubles.SILENT_DAYS,
            },
            "volume_drop": {
                "source": troubles.DROPPED[0],
                "entity": troubles.DROPPED[1],
                "day": _day(planned.drop_day),
            },
            "broken_reconciliation": {
                "what": "orders of that day without their payment",
                "source": troubles.BROKEN_SUM[0],
                "entity": troubles.BROKEN_SUM[1],
                "day": _day(planned.broken_sum_day),
            },
            "contract_breaking_days": {name: _day(day) for name, day in planned.bad_days.items()},
            "bad_rows_by_reason": {name: _by_reason(rows) for name, rows in planned.bad_rows.items()},
            "schema_change": {
                "source": source,
                "entity": entity,
                "column": column,
                "first_day": _day(world.end // DAY),
            },
            "shares": {
                "late": troubles.LATE_SHARE,
                "exact_double": troubles.DOUBLE_SHARE,
                "correction": troubles.CORRECTION_SHARE,
                "clock_skew": troubles.SKEW_SHARE,
            },
            "rows": planned.counts,
        },
    }


def _by_reason(rows: tuple[troubles.BadRow, ...]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.reason] = sizes.get(row.reason, 0) + 1
    return sizes

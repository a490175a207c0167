"""What goes wrong with data on its way: late, early, duplicate, corrected, lost, silent and contract-breaking rows.

Applied to a system's rows after they were made; each trouble is planned from the seed, so that the truth can name
it. Reason codes of bad rows are those of landing.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.contract_file import Column, Contract, Entity
from infra.sandbox.life.calendar import Window
from infra.sandbox.rows.contract_rows import KIND, RAW, REASON, RELEASED, is_database, microseconds, replaced
from infra.sandbox.rows.draw import DAY, HOUR, MINUTE, Draw, Ints, constant
from infra.sandbox.systems import simulated_contracts

LATE_SHARE, DOUBLE_SHARE, CORRECTION_SHARE, SKEW_SHARE = 0.02, 0.003, 0.004, 0.005
SILENT_SOURCE, SILENT_DAYS = "campaigns", 2
DROPPED = ("web_app", "page_views")
DROP_KEEPS = 0.15
BROKEN_SUM = ("orders", "payments")
BROKEN_LOSES = 0.4
#: What a broken row holds instead of a value of the right type.
WRONG_RAW = {"integer": "n/a", "number": "n/a", "boolean": "maybe", "timestamp": "yesterday", "date": "last spring"}
#: Times that cannot be: a clock that lost its battery, and one set to another century.
IMPOSSIBLE = (86_400 * 1_000_000 * 31, 7_226_582_400 * 1_000_000)
#: Columns whose corrections break no sum elsewhere, by ending.
_CORRECTABLE = ("_seconds", "_ms", "reach", "value")
#: Systems fed by clocks that nobody sets.
_SKEWED = ("app_performance", "web_app", "devices")


@dataclass(frozen=True)
class BadRow:
    """One row to be broken: a copy of a good one, changed in `column`."""

    entity: str
    column: Column
    reason: str


@dataclass(frozen=True)
class Plan:
    """The days (since 1970) on which things go wrong in this world, all within its first stretch."""

    silent_day: int
    drop_day: int
    broken_sum_day: int
    bad_days: dict[str, int]
    bad_rows: dict[str, tuple[BadRow, ...]]
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, rows: int) -> None:
        """Note how many rows a trouble cost."""
        self.counts[name] = self.counts.get(name, 0) + rows


def plan(seed: int, start: int, end: int) -> Plan:
    """Lay the troubles out over the world's days."""
    days = (end - start) // DAY
    first = start // DAY

    def day(share: float) -> int:
        return int(first + min(max(int(days * share), 1), max(days - 4, 0)))

    contracts = simulated_contracts()
    return Plan(
        silent_day=day(0.2),
        drop_day=day(0.3),
        broken_sum_day=day(0.45),
        bad_days={c.source: day(0.5 + 0.04 * place) for place, c in enumerate(contracts)},
        bad_rows={c.source: _planned(Draw(seed, 13, place), c) for place, c in enumerate(contracts)},
    )


def _planned(draw: Draw, contract: Contract) -> tuple[BadRow, ...]:
    """Three to six rows for every reason that the contract makes possible, over its entities in turn."""
    by_reason: dict[str, list[BadRow]] = {}
    for entity in contract.entities.values():
        for column in entity.columns:
            for reason in _breakable(entity, column):
                by_reason.setdefault(reason, []).append(BadRow(entity.name, column, reason))
    chosen: list[BadRow] = []
    for possible in by_reason.values():
        wanted = int(draw.rng.integers(3, 7))
        chosen += [possible[int(at)] for at in draw.rng.integers(0, len(possible), wanted)]
    return tuple(chosen)


def _breakable(entity: Entity, column: Column) -> list[str]:
    """In which ways a column can break its contract without touching the keys and times that ingestion goes by."""
    if column.name in (entity.known_at, entity.watermark):
        return []
    parts = []
    if column.pattern:
        parts.append("bad_pattern")
    if column.name == "event_at":
        parts.append("time_out_of_range")
    if column.primary_key:
        return parts
    if column.required:
        parts.append("missing_required")
    if column.logical_type != "string" and column.name != "event_at":
        parts.append("wrong_type")
    if column.allowed and column.severity == "block":
        parts.append("not_allowed")
    if column.maximum is not None:
        parts.append("out_of_range")
    return parts


def troubled(entity: Entity, *, table: pa.Table, window: Window, planned: Plan) -> pa.Table:
    """One block's rows of an entity as they really arrive."""
    stream = 200 + sum(entity.table.encode()) % 1_000_003
    draw = window.draw(stream)
    first = planned if window.stretch == 0 else None
    if first and (entity.source, entity.name) == DROPPED:
        table = _lose(
            draw, table=table, planned=first, name="volume_drop_rows", day=first.drop_day, chance=1 - DROP_KEEPS
        )
    if first and (entity.source, entity.name) == BROKEN_SUM:
        table = _lose(
            draw,
            table=table,
            planned=first,
            name="broken_reconciliation_rows",
            day=first.broken_sum_day,
            chance=BROKEN_LOSES,
        )
    if entity.source in _SKEWED:
        table = _skewed(draw, table)
    parts = [table]
    if not is_database(entity) and not _has(table, "update"):
        table = _late(draw, table, window)
        parts = [table]
    if not _has(table, "update"):
        parts += _corrected(draw, entity, table)
    if not is_database(entity):
        parts += _doubled(draw, entity, parts[0])
    if first and window.block == 0:
        parts += [
            _broken(draw, entity=entity, table=table, planned=first, place=place, bad=bad)
            for place, bad in enumerate(b for b in first.bad_rows[entity.source] if b.entity == entity.name)
        ]
    result = pa.concat_tables(parts).combine_chunks()
    if first and entity.source == SILENT_SOURCE:
        result = _silent(result, first)
    return result


def _has(table: pa.Table, kind: str) -> bool:
    return bool(pc.any(pc.equal(table[KIND], kind)).as_py())


def _moved(table: pa.Table, delivered: Ints, kind: str | None = None) -> pa.Table:
    """The same rows, delivered at other times."""
    table = replaced(table, "delivered_at", delivered)
    if "updated_at" in table.column_names:
        table = replaced(table, "updated_at", delivered)
    if kind:
        table = replaced(table, KIND, constant(kind, table.num_rows))
    return replaced(table, RELEASED, pa.array((delivered // DAY).astype(np.int32)))


def _late(draw: Draw, table: pa.Table, window: Window) -> pa.Table:
    late = draw.flags(table.num_rows, LATE_SHARE)
    delivered = microseconds(table["delivered_at"])
    moved = delivered + np.where(late, draw.between(DAY, 6 * DAY, table.num_rows), 0)
    kinds = pc.if_else(pa.array(late), "late", table[KIND].combine_chunks())
    return replaced(_moved(table, moved), KIND, kinds)


def _skewed(draw: Draw, table: pa.Table) -> pa.Table:
    """Clocks minutes ahead, and some that take local time (UTC+8) for UTC: rows seem to come before they happened."""
    ahead = draw.flags(table.num_rows, SKEW_SHARE)
    by = np.where(draw.flags(table.num_rows, 0.1), 8 * HOUR, draw.between(0, 5 * MINUTE, table.num_rows))
    return replaced(table, "event_at", microseconds(table["event_at"]) + np.where(ahead, by, 0))


def _corrected(draw: Draw, entity: Entity, table: pa.Table) -> list[pa.Table]:
    """New versions of some rows, one to five days later, with another measure."""
    column = next(
        (
            c
            for c in entity.columns
            if c.name.endswith(_CORRECTABLE) and not c.primary_key and c.logical_type != "string"
        ),
        None,
    )
    if column is None:
        return []
    chosen = table.filter(pa.array(draw.flags(table.num_rows, CORRECTION_SHARE)))
    later = microseconds(chosen["delivered_at"]) + draw.between(DAY, 5 * DAY, chosen.num_rows)
    values = chosen[column.name].combine_chunks()
    return [replaced(_moved(chosen, later, "correction"), column.name, pc.add(values, pa.scalar(1, values.type)))]


def _doubled(draw: Draw, entity: Entity, table: pa.Table) -> list[pa.Table]:
    """The same row twice: in one delivery, or (files only) sent once more the day after."""
    chosen = table.filter(pa.array(draw.flags(table.num_rows, DOUBLE_SHARE)))
    chosen = replaced(chosen, KIND, constant("double", chosen.num_rows))
    if entity.physical_name.startswith("/"):
        return [chosen]
    again = draw.flags(chosen.num_rows, 0.3).astype(np.int32)
    return [replaced(chosen, RELEASED, pa.array(chosen[RELEASED].to_numpy() + again))]


def _lose(draw: Draw, *, table: pa.Table, planned: Plan, name: str, day: int, chance: float) -> pa.Table:
    lost = (table[RELEASED].to_numpy() == day) & draw.flags(table.num_rows, chance)
    planned.count(name, int(lost.sum()))
    return table.filter(pa.array(~lost))


def _silent(table: pa.Table, planned: Plan) -> pa.Table:
    """Nothing comes for two days; on the third morning everything that had waited comes at once."""
    day = table[RELEASED].to_numpy()
    waits = (day >= planned.silent_day) & (day < planned.silent_day + SILENT_DAYS)
    morning = (planned.silent_day + SILENT_DAYS) * DAY + 6 * HOUR
    delivered = microseconds(table["delivered_at"])
    moved = np.where(waits, morning + delivered % (2 * HOUR), delivered)
    table = replaced(table, "delivered_at", moved)
    planned.count("silent_rows", int(waits.sum()))
    return replaced(table, RELEASED, pa.array(np.where(waits, planned.silent_day + SILENT_DAYS, day).astype(np.int32)))


def _broken(draw: Draw, *, entity: Entity, table: pa.Table, planned: Plan, place: int, bad: BadRow) -> pa.Table:
    """One bad row: a good one under a new key, delivered on the source's bad day, wrong in one way only."""
    good = table.filter(pc.equal(table[KIND], "first"))
    if not good.num_rows:
        return table.slice(0, 0)
    row = good.slice(int(draw.rng.integers(0, good.num_rows)), 1)
    delivered = np.array(
        [planned.bad_days[entity.source] * DAY + int(draw.rng.integers(HOUR, 20 * HOUR))], dtype=np.int64
    )
    row = _moved(row, delivered, "bad")
    for key in entity.primary_key:
        row = replaced(row, key, pa.array([f"{row[key][0].as_py()}9{place:02d}"]))
    row = replaced(row, REASON, pa.array([bad.reason]))
    name, value = bad.column.name, row[bad.column.name]
    if bad.reason == "missing_required":
        value = pa.nulls(1, value.type)
    elif bad.reason == "wrong_type":
        return replaced(row, RAW, pa.array([name]))
    elif bad.reason == "not_allowed":
        value = pa.array(["unheard_of"])
    elif bad.reason == "out_of_range":
        value = pa.array([(bad.column.maximum or 0) * 10 + 1]).cast(value.type)
    elif bad.reason == "bad_pattern":
        value = pa.array([f"X-{row[name][0].as_py()}"])
    else:
        value = np.array([IMPOSSIBLE[place % len(IMPOSSIBLE)]], dtype=np.int64)
    return replaced(row, name, value)

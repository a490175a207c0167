"""Components that contradict themselves are cut: two valid national ids, or birth dates that cannot be one person's.

Edges were held pair by pair; a chain of agreeing pairs can still tie two people together (a record without a birth
date between father and son of one name). Such components, and only those, are joined again edge by edge from the
strongest down, and an edge between two parts that contradict each other is dropped.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

import duckdb
import numpy as np
import pyarrow as pa

from identity.components import Ints
from identity.names import edit_distance


def cut(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The components with contradicting ones taken apart. Drops the edges that no longer tie from `edges`."""
    con.register("registered", pa.table({"rid": np.arange(len(component)), "component": component}))
    con.execute("create table labels as select * from registered")
    con.unregister("registered")
    con.execute(
        """create table suspects as
           select component from labels join people using (rid) group by component
           having count(distinct birth) > 1 or max(birth_year) - min(birth_year) > 2
               or count(distinct national_id) filter (id_is_checked) > 1"""
    )
    facts = con.sql(
        """select rid, birth, birth_year, case when id_is_checked then national_id end as national_id
           from labels join suspects using (component) join people using (rid)
           where birth_year is not null or id_is_checked"""
    ).fetchall()
    edges = con.sql(
        """select l.component, e.left_rid, e.right_rid, e.strength, e.rule from edges e
                join labels l on l.rid = e.left_rid
           join suspects using (component) order by l.component, e.strength desc, e.left_rid, e.right_rid"""
    ).fetchall()
    con.execute("drop table suspects")
    con.execute("drop table labels")
    result, dropped = _rejoin(component, facts, edges)
    if dropped:
        con.register("registered", pa.table({"l": [d[0] for d in dropped], "r": [d[1] for d in dropped]}))
        con.execute("delete from edges where (left_rid, right_rid) in (select (l, r) from registered)")
        con.unregister("registered")
    return result


class _Part:
    """A part of a component under construction: its records and the hard facts that they state."""

    __slots__ = ("births", "ids", "rids", "years")

    def __init__(self, rid: int) -> None:
        self.rids = [rid]
        self.births: set[date] = set()
        self.years: set[int] = set()
        self.ids: set[str] = set()

    def contradicts(self, other: "_Part") -> bool:
        if self.ids and other.ids:
            return self.ids.isdisjoint(other.ids)
        if self.births and other.births and self.births.isdisjoint(other.births):
            return not any(births_are_close(a, b) for a in self.births for b in other.births)
        if self.years and other.years and not (self.births and other.births):
            return min(abs(a - b) for a in self.years for b in other.years) > 2
        return False

    def absorb(self, other: "_Part") -> None:
        self.rids += other.rids
        self.births |= other.births
        self.years |= other.years
        self.ids |= other.ids


def births_are_close(a: date, b: date) -> bool:
    """Whether two dates are one date with a slip: one digit, two neighbours, or day and month swapped."""
    if a == b or (a.year == b.year and a.month == b.day and a.day == b.month):
        return True
    return edit_distance(f"{a:%Y%m%d}", f"{b:%Y%m%d}") <= 1


def _rejoin(
    component: Ints,
    facts: Iterable[tuple[int, date | None, int | None, str | None]],
    edges: Iterable[tuple[int, int, int, float, str]],
) -> tuple[Ints, list[tuple[int, int]]]:
    """Kruskal over the suspect components, strongest edge first, refusing contradictions."""
    parts: dict[int, _Part] = {}
    stated = {rid: (birth, year, number) for rid, birth, year, number in facts}
    dropped: list[tuple[int, int]] = []
    touched: dict[int, set[int]] = defaultdict(set)

    def part(rid: int) -> _Part:
        if rid not in parts:
            new = parts[rid] = _Part(rid)
            birth, year, number = stated.get(rid, (None, None, None))
            new.births.update([birth] if birth else [])
            new.years.update([year] if year else [])
            new.ids.update([number] if number else [])
        return parts[rid]

    for label, left, right, _, _ in edges:
        a, b = part(left), part(right)
        touched[label].update((left, right))
        if a is b:
            continue
        if a.contradicts(b):
            dropped.append((left, right))
            continue
        if len(a.rids) < len(b.rids):
            a, b = b, a
        a.absorb(b)
        for rid in b.rids:
            parts[rid] = a
    result = component.copy()
    for rids in touched.values():
        for rid in rids:
            result[rid] = min(parts[rid].rids)
    return result, dropped

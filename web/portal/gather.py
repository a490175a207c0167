"""Gathers what the quality portal shows: newest results, counts of tables, days, reason codes and contracts.

Reads counts and codes only. What the facts mean is in `facts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import duckdb

import features.tables  # noqa: F401  declares the feature tables
from contracts.catalogue.lookup import find_table, is_declared
from contracts.catalogue.zones import OPS, QUARANTINE, zone_of
from contracts.contract_file import Contract, Entity, load_contracts
from expectations import history, suite_files
from expectations.check import failing_first
from expectations.delivery import CHARTED_DAYS, DAILY_ROWS, NEWEST_ROWS, UNUSUAL_DAYS, measure_delivery
from ingestion.quarantine.records import RejectedCount, count_rejected
from lake import clock
from lake.landing_state import Counted
from lake.sql.connections import connect, create_clock_macro
from lake.sql.text import quoted
from lake.tables import list_tables, scan
from web.portal.facts import CheckFacts, Day, Page, Past, SourceFacts, TableFacts
from web.portal.link_quality import measure_linkage

RUNS_SHOWN = 20
REASONS_SHOWN = 400


def gather(counters: Iterable[Counted] = ()) -> Page:
    """Gather the page from the lake as it is now; works on an empty lake."""
    contracts = load_contracts()
    entities = [entity for contract in contracts for entity in contract.entities.values()]
    names = list_tables()
    with connect() as connection:
        create_clock_macro(connection)
        rows = _rows(connection, names)
        checks = _checks(connection)
        return Page(
            now=clock.now(),
            checked_at=max((c.past[-1].checked_at for cs in checks.values() for c in cs if c.past), default=None),
            tables=_tables(rows, checks),
            sources=_sources(connection, contracts=contracts, rows=rows, checks=checks, counters=list(counters)),
            rejected=_rejected(entities),
            entities=tuple(entities),
            linkage=measure_linkage(connection),
        )


def _rows(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, int]:
    if not names:
        return {}
    counts = " union all ".join(f"select '{name}', count(*) from {scan(name)}" for name in names)
    return dict(connection.execute(counts).fetchall())


def _checks(connection: duckdb.DuckDBPyConnection) -> dict[str, list[CheckFacts]]:
    past: dict[tuple[str, str | None, str], list[Past]] = {}
    for table, column, name, checked_at, passed, measured in history.past(connection, RUNS_SHOWN):
        past.setdefault((table, column, name), []).append(Past(checked_at, passed, measured))
    by_table: dict[str, list[CheckFacts]] = {}
    for result in failing_first(history.newest_results(connection)):
        own = past.get((result.table, result.column, result.name), [])
        by_table.setdefault(result.table, []).append(CheckFacts(result, tuple(own), _failing_since(own)))
    return by_table


def _failing_since(past: Sequence[Past]) -> datetime | None:
    since = None
    for outcome in reversed(past):
        if outcome.passed:
            break
        since = outcome.checked_at
    return since


def _tables(rows: Mapping[str, int], checks: Mapping[str, list[CheckFacts]]) -> tuple[TableFacts, ...]:
    existing = {name for name in rows if zone_of(name) not in (QUARANTINE, OPS)}
    # A table that was renamed leaves results behind; only one that a suite still asks for is missed.
    shown = sorted(existing | (set(checks) & set(suite_files.discover_suites())))
    return tuple(_facts(name, rows.get(name, 0), checks.get(name, ())) for name in shown)


def _facts(name: str, rows: int, checks: Iterable[CheckFacts]) -> TableFacts:
    """A table's facts; one that an earlier version left is declared nowhere and has no owner."""
    table = find_table(name) if is_declared(name) else None
    return TableFacts(
        name=name,
        zone=zone_of(name),
        rows=rows,
        owner=table.owner if table else "",
        steward=table.steward if table else "",
        description=table.grain.partition(". ")[0].removesuffix(".") + "." if table else "",
        checks=tuple(checks),
    )


def _sources(
    connection: duckdb.DuckDBPyConnection,
    *,
    contracts: Sequence[Contract],
    rows: Mapping[str, int],
    checks: Mapping[str, list[CheckFacts]],
    counters: Sequence[Counted],
) -> tuple[SourceFacts, ...]:
    tables = {c.source: [e.table for e in c.entities.values() if e.table in rows] for c in contracts}
    for name in (name for names in tables.values() for name in names):
        connection.execute(f"create view {quoted(name)} as select * from {scan(name)}")
    measure_delivery(connection, {source: names for source, names in tables.items() if names})
    newest = dict(connection.execute(f"select source, newest from {NEWEST_ROWS}").fetchall())
    days = _days(connection)
    sources = []
    for contract in contracts:
        own = [counter for counter in counters if counter.source == contract.source]
        quarantine = [rows.get(e.quarantine_table, 0) for e in contract.entities.values()]
        moment = newest.get(contract.source)
        results = [c.result for name in tables[contract.source] for c in checks.get(name, ())]
        sources.append(
            SourceFacts(
                contract=contract,
                age=clock.now() - moment if moment else None,
                received=sum(c.received for c in own) if own else None,
                landed=sum(c.landed for c in own) if own else sum(rows[name] for name in tables[contract.source]),
                quarantined=sum(c.quarantined for c in own) if own else sum(quarantine),
                duplicates=sum(c.doubled for c in own) if own else None,
                days=days.get(contract.source, ()),
                results=tuple(results),
            )
        )
    return tuple(sources)


def _days(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Day, ...]]:
    counted: dict[str, dict[date, tuple[int, bool]]] = {}
    for source, day, rows, is_unusual in connection.execute(
        f"""select split_part(d.table_name, '/', 2), coalesce(d.day, u.day), sum(coalesce(d.rows, 0)),
                bool_or(u.day is not null)
            from {DAILY_ROWS} as d full join {UNUSUAL_DAYS} as u
                on d.table_name = u.table_name and d.day = u.day
            where d.table_name is not null group by 1, 2
            union all
            select split_part(table_name, '/', 2), day, 0, true from {UNUSUAL_DAYS} where rows = 0"""
    ).fetchall():
        before = counted.setdefault(source, {}).get(day, (0, False))
        counted[source][day] = (before[0] + int(rows), before[1] or is_unusual)
    last = clock.today() - timedelta(days=1)
    calendar = [last - timedelta(days=n) for n in range(CHARTED_DAYS - 1, -1, -1)]
    return {
        source: tuple(Day(place, day, *own.get(day, (0, False))) for place, day in enumerate(calendar))
        for source, own in counted.items()
    }


def _rejected(entities: Sequence[Entity]) -> tuple[RejectedCount, ...]:
    known = {(entity.source, entity.name) for entity in entities}
    rejected = [count for count in count_rejected() if (count.source, count.entity) in known]
    largest = sorted(rejected, key=lambda r: -r.rows)[:REASONS_SHOWN]
    return tuple(sorted(largest, key=lambda r: (r.source, -r.rows)))

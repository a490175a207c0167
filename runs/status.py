"""The state of the lake in numbers: tables, sources, checks, persons, last run. What `lake status` prints."""

from collections.abc import Iterable
from typing import Any

from contracts.catalogue.tables import PERSON_PROFILE, UNRESOLVED_RECORDS
from contracts.catalogue.zones import zone_of
from lake.sql.connections import connect
from lake.tables import list_tables
from runs import ledger
from runs.table_facts import TableFacts, table_facts


def status() -> dict[str, Any]:
    """The document of `lake status --json`."""
    tables = all_facts()
    rows = {facts.name: facts.rows for facts in tables}
    last = ledger.last_run()
    return {
        "tables": [
            {
                "name": facts.name,
                "rows": facts.rows,
                "version": facts.version,
                "bytes": facts.bytes,
                "freshest_event_at": facts.freshest_event_at.isoformat() if facts.freshest_event_at else None,
            }
            for facts in tables
        ],
        "sources": source_counters(),
        "checks": check_counts(),
        "persons": rows.get(PERSON_PROFILE, 0),
        "unresolved_records": rows.get(UNRESOLVED_RECORDS, 0),
        "last_run": None
        if last is None
        else {"started_at": last.started_at.isoformat(), "seconds": round(last.seconds, 1), "state": last.state},
    }


def all_facts() -> list[TableFacts]:
    """Facts of every table there is, by name."""
    return [facts for name in list_tables() if (facts := table_facts(name)) is not None]


def source_counters() -> list[dict[str, Any]]:
    """Per entity, since the lake began: `received` = `landed` + `quarantined` + `doubled`.

    The state is landing's; where the source failed in the last run, it is `failed`.
    """
    from ingestion.landing.land import counters

    last = ledger.last_run()
    failed = {failure.where for failure in last.failures} if last else set()
    return [
        {
            "source": c.source,
            "entity": c.entity,
            "received": c.received,
            "landed": c.landed,
            "quarantined": c.quarantined,
            "doubled": c.doubled,
            "state": "failed" if c.source in failed else c.state,
        }
        for c in counters()
    ]


def check_counts() -> dict[str, Any]:
    """Results of every check when it last ran; `blocked` names the tables that stop what depends on them."""
    from expectations.check import blocking_failures
    from expectations.history import newest_results

    with connect() as connection:
        results = newest_results(connection)
    return {
        "passed": sum(result.passed for result in results),
        "failed": sum(not result.passed for result in results),
        "blocked": sorted({result.table for result in blocking_failures(results)}),
    }


def rows_by_zone(facts: Iterable[TableFacts]) -> dict[str, int]:
    """Rows of all tables of each zone, in the order in which a record passes them."""
    order = ("bronze", "quarantine", "identity", "marts", "features")
    sums = dict.fromkeys(order, 0)
    for table in facts:
        zone = zone_of(table.name)
        if zone in sums:
            sums[zone] += table.rows
    return sums

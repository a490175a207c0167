"""What a person reads at the end of `lake run`: what came in, what was rejected, how many persons, what to open."""

from typing import TYPE_CHECKING

from contracts.catalogue.tables import JOURNEY_EVENTS, PERSON_PROFILE, UNRESOLVED_RECORDS
from contracts.settings import load_settings
from contracts.wording import many
from lake.clock import today
from lake.sql.connections import connect
from lake.tables import scan, table_exists
from runs.changes import Changes
from runs.ledger import Run
from runs.status import (
    all_facts,
    check_counts,
    rows_by_zone,
    source_counters,
)
from runs.worlds import World, load_worlds

if TYPE_CHECKING:
    import pyarrow as pa


def idle_summary(changes: Changes, seconds: float) -> str:
    """Two lines for a run that had nothing to do."""
    since = f" since the run of {changes.baseline.finished_at:%Y-%m-%d %H:%M} UTC" if changes.baseline else ""
    return f"nothing new{since} (day {today()}): no table was touched, {seconds:.1f} s\nnext: lake status"


def print_summary(run: Run, seconds: float, log: str) -> None:
    """The end of a run in plain lines; figures come from the tables themselves, not from what steps reported."""
    from ingestion.quarantine.records import count_by_reason

    facts = all_facts()
    rows = {table.name: table.rows for table in facts}
    lines = [""]
    lines += ["rows         " + "   ".join(f"{zone} {count:,}" for zone, count in rows_by_zone(facts).items())]
    rejected = count_by_reason()
    lines += ["quarantined  " + ("   ".join(f"{reason} {count:,}" for reason, count in rejected.items()) or "nothing")]
    lines += [_reconciliation(run.sources)]
    lines += [f"persons      {rows.get(PERSON_PROFILE, 0):,}" + "".join(map(_against_truth, load_worlds()))]
    unresolved = many(rows.get(UNRESOLVED_RECORDS, 0), "record")
    lines += [f"unresolved   {unresolved} without a person (listed in {UNRESOLVED_RECORDS})"]
    lines += [_checks(run)]
    slowest = sorted(run.steps.items(), key=lambda step: -step[1])
    lines += [
        "seconds      "
        + f"{seconds:.1f} in all: "
        + ", ".join(f"{name.replace('_', ' ')} {duration:.1f}" for name, duration in slowest[:8])
    ]
    if run.state == "failed":
        lines += ["", "FAILED"]
        for failure in run.failures:
            lines += [f"  {failure.where}: {failure.message}", f"    cure: {failure.cure}"]
        lines += [f"  what did land is kept; run `lake run` again to go on. Log: {log}"]
    lines += ["", *_next_steps()]
    print("\n".join(lines))


def _checks(run: Run) -> str:
    counts = check_counts()
    results = run.checks.get("passed", 0) + run.checks.get("failed", 0)
    blocked = ""
    if counts["failed"]:
        blocked = f"; blocking: {', '.join(counts['blocked'])}" if counts["blocked"] else "; none of them blocks"
    return (
        f"checks       {counts['passed']:,} passed, {counts['failed']:,} failed{blocked}"
        f" ({many(results, 'result')} in this run)"
    )


def _reconciliation(asked: list[str]) -> str:
    counters = source_counters()
    total = {name: sum(c[name] for c in counters) for name in ("received", "landed", "quarantined", "doubled")}
    is_exact = all(c["received"] == c["landed"] + c["quarantined"] + c["doubled"] for c in counters)
    text = (
        f"reconciled   received {total['received']:,} = bronze {total['landed']:,} + quarantined"
        f" {total['quarantined']:,} + duplicates {total['doubled']:,}: {'exact' if is_exact else 'NOT EXACT'}"
    )
    return text + "".join(_against_production(world, asked) for world in load_worlds())


def _against_production(world: World, asked: list[str]) -> str:
    """How the counts compare with what the systems produced; empty where the world does not know."""
    from ingestion.landing.land import counters

    entities = world.miscounted_entities(counters())
    if entities is None:
        return ""
    places = [f"{source}/{entity}" for source, entity in entities if not asked or source in asked]
    if not places:
        return "; what the systems produced: exact"
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    return f"; NOT what the systems produced in {shown}"


def _against_truth(world: World) -> str:
    """How well people were found; empty where the world does not know the truth."""
    accuracy = world.accuracy(_events) if table_exists(JOURNEY_EVENTS) else None
    if accuracy is None:
        return ""
    return (
        f"; against the truth of {many(accuracy.true_persons, 'person')}: precision {accuracy.precision:.3f}, recall"
        f" {accuracy.recall:.3f} (pairs of records), {accuracy.over_merged:,} merged too much, {accuracy.split:,} split"
    )


def _events() -> "pa.Table":
    with connect() as connection:
        return connection.execute(f"select event_id, person_id from {scan(JOURNEY_EVENTS)}").to_arrow_table()


def _next_steps() -> list[str]:
    page = load_settings().home / "reports" / "quality" / "index.html"
    steps = ["next         lake up                     Dagster UI, quality page, Feast server"]
    if page.exists():
        steps.append(f"             {page}")
    if person := _well_known_person():
        steps.append(f"             lake profile {person}  one person's file")
    steps.append("             lake status                 tables, sources, checks")
    return steps


def _well_known_person() -> str | None:
    """An example to look at: the id of the person whom most systems know; None where there is no person yet."""
    if not table_exists(PERSON_PROFILE):
        return None
    best_known = "sources_count desc, events_count desc, person_id"
    query = f"select person_id from {scan(PERSON_PROFILE)} order by {best_known} limit 1"
    with connect() as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None

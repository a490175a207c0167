"""What a person reads at the end of `lake run`: what came in, what was refused, who was found, what to open next."""

from contracts.settings import load_settings
from lake.clock import today
from lake.sql.connections import connect
from lake.tables import scan, table_exists
from runs.changes import Changes
from runs.ledger import Run
from runs.status import (
    EVENTS_TABLE,
    PERSONS_TABLE,
    UNRESOLVED_TABLE,
    all_facts,
    check_counts,
    quarantined_by_reason,
    rows_by_zone,
    source_counters,
)


def idle_summary(changes: Changes, seconds: float) -> str:
    """Two lines for a run that had nothing to do."""
    since = f" since the run of {changes.baseline.finished_at:%Y-%m-%d %H:%M} UTC" if changes.baseline else ""
    return f"nothing new{since} (day {today()}): no table was touched, {seconds:.1f} s\nnext: lake status"


def print_summary(run: Run, seconds: float, log: str) -> None:
    """The end of a run in plain lines; figures come from the tables themselves, not from what steps said."""
    facts = all_facts()
    rows = {table.name: table.rows for table in facts}
    lines = [""]
    lines += ["rows         " + "   ".join(f"{zone} {count:,}" for zone, count in rows_by_zone(facts).items())]
    refused = quarantined_by_reason()
    lines += ["quarantined  " + ("   ".join(f"{reason} {count:,}" for reason, count in refused.items()) or "nothing")]
    lines += [_reconciliation(run.sources)]
    lines += [f"persons      {rows.get(PERSONS_TABLE, 0):,}{_against_truth()}"]
    lines += [f"unresolved   {rows.get(UNRESOLVED_TABLE, 0):,} records reach no person (listed in {UNRESOLVED_TABLE})"]
    lines += [_checks(run)]
    slowest = sorted(run.steps.items(), key=lambda step: -step[1])
    lines += [
        "seconds      "
        + f"{seconds:.1f} in all: "
        + ", ".join(f"{s.replace('_', ' ')} {t:.1f}" for s, t in slowest[:8])
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
    dbt = run.checks.get("passed", 0) + run.checks.get("failed", 0)
    blocked = ""
    if counts["failed"]:
        blocked = f"; blocking: {', '.join(counts['blocked'])}" if counts["blocked"] else "; none of them blocks"
    return (
        f"checks       {counts['passed']:,} passed, {counts['failed']:,} failed{blocked} ({dbt:,} results in this run)"
    )


def _reconciliation(asked: list[str]) -> str:
    counters = source_counters()
    total = {name: sum(c[name] for c in counters) for name in ("received", "landed", "quarantined", "doubled")}
    is_exact = all(c["received"] == c["landed"] + c["quarantined"] + c["doubled"] for c in counters)
    text = (
        f"reconciled   received {total['received']:,} = bronze {total['landed']:,} + quarantined"
        f" {total['quarantined']:,} + doubles {total['doubled']:,}: {'exact' if is_exact else 'NOT EXACT'}"
    )
    return text + _against_production(asked)


def _against_production(asked: list[str]) -> str:
    """What the simulated systems say they produced, where there are such systems."""
    root = load_settings().sources_root
    if not (root / "truth" / "produced.parquet").exists():
        return ""
    from infra.sandbox.truth.reconcile import differences
    from ingestion.landing.land import counters

    found = [row for row in differences(root, counters()).to_pylist() if not asked or row["source"] in asked]
    if not found:
        return "; what the systems produced: exact"
    places = sorted({f"{row['source']}/{row['entity']}" for row in found})
    shown = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
    return f"; NOT what the systems produced in {shown}"


def _against_truth() -> str:
    """How well people were found, where the truth is known."""
    root = load_settings().sources_root
    if not (root / "truth" / "records.parquet").exists() or not table_exists(EVENTS_TABLE):
        return ""
    from infra.sandbox.truth.score import from_record_ids, score

    with connect() as connection:
        events = connection.execute(f"select event_id, person_id from {scan(EVENTS_TABLE)}").to_arrow_table()
    found = score(root, from_record_ids(events, "event_id"))
    return (
        f"; against the truth of {found.true_persons:,} people: precision {found.precision:.3f}, recall"
        f" {found.recall:.3f} (pairs of records), {found.over_merged:,} merged too much, {found.split:,} split"
    )


def _next_steps() -> list[str]:
    page = load_settings().home / "reports" / "quality" / "index.html"
    steps = ["next         lake up                     Dagster UI, quality page, Feast server"]
    if page.exists():
        steps.append(f"             {page}")
    if person := _someone_well_known():
        steps.append(f"             lake profile {person}  one person's file")
    steps.append("             lake status                 tables, sources, checks")
    return steps


def _someone_well_known() -> str | None:
    """An example to look at: the person whom most systems know."""
    if not table_exists(PERSONS_TABLE):
        return None
    best_known = "sources_count desc, events_count desc, person_id"
    query = f"select person_id from {scan(PERSONS_TABLE)} order by {best_known} limit 1"
    with connect() as connection:
        found = connection.execute(query).fetchone()
    return found[0] if found else None

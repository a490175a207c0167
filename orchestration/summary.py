"""What a person reads at the end of `lake run`: what came in, what was refused, who was found, what to open next."""

from typing import Any

from lake.clock import today
from lake.settings import load_settings
from orchestration.changes import Changes
from orchestration.ledger import Run
from orchestration.status import (
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
    lines += [_reconciliation()]
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
    blocked = f"; blocking: {', '.join(counts['blocked'])}" if counts["blocked"] else ""
    return (
        f"checks       {counts['passed']:,} passed, {counts['failed']:,} failed{blocked} ({dbt:,} results in this run)"
    )


def _reconciliation() -> str:
    counters = source_counters()
    total = {name: sum(c[name] for c in counters) for name in ("received", "landed", "quarantined", "doubled")}
    is_exact = all(c["received"] == c["landed"] + c["quarantined"] + c["doubled"] for c in counters)
    text = (
        f"reconciled   received {total['received']:,} = bronze {total['landed']:,} + quarantined"
        f" {total['quarantined']:,} + doubles {total['doubled']:,}: {'exact' if is_exact else 'NOT EXACT'}"
    )
    produced = _produced()
    if produced is not None:
        verdict = "exact" if produced == total["received"] else f"{total['received'] - produced:+,}"
        text += f"; the sandbox produced {produced:,}: {verdict}"
    return text


def _produced() -> int | None:
    """Rows that the sandbox's systems produced, by its own truth; None where there is none."""
    truth = load_settings().sources_root / "truth" / "produced.parquet"
    if not truth.exists():
        return None
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return int(pc.sum(pq.read_table(truth, columns=["rows"])["rows"]).as_py() or 0)


def _against_truth() -> str:
    if not (load_settings().sources_root / "truth" / "records.parquet").exists():
        return ""
    try:
        from infra.sandbox.score import score
    except ImportError:
        return ""
    found: Any = score()
    return f" ({found})"


def _next_steps() -> list[str]:
    page = load_settings().home / "reports" / "quality" / "index.html"
    steps = ["next         lake up                     Dagster UI, quality page, Feast server"]
    if page.exists():
        steps.append(f"             {page}")
    steps.append("             lake status                 tables, sources, checks")
    return steps

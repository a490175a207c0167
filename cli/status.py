"""`lake status`: what the lake holds, where its sources stand, what its checks say."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake status`."""
    app.command("status")(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Tables, rows, versions, freshness, checks and the last run."""
    from cli.screens.printing import print_json, print_table
    from ingestion.landing.land import counters
    from runs.status import status as gather

    found = gather()
    if as_json:
        print_json(found)
        return
    if not found["tables"]:
        print("the lake is empty\nnext: lake sandbox create && lake run")
        return
    print_table(
        "Tables",
        ["table", "rows", "version", "kB", "newest event (UTC)"],
        [
            (t["name"], t["rows"], t["version"], t["bytes"] // 1024, (t["freshest_event_at"] or "-")[:16])
            for t in found["tables"]
        ],
    )
    print_table(
        "Sources, since the lake began",
        ["source", "entity", "received", "landed", "quarantined", "doubled", "state"],
        [tuple(s.values()) for s in found["sources"]],
    )
    for entity in counters():
        if entity.new_columns:
            print(f"new columns {entity.source}/{entity.entity}: {', '.join(entity.new_columns)} (kept as text)")
    checks = found["checks"]
    print(f"checks      {checks['passed']:,} passed, {checks['failed']:,} failed")
    for table in checks["blocked"]:
        print(f"  blocking  {table}")
    print(f"persons     {found['persons']:,}")
    print(f"unresolved  {found['unresolved_records']:,} records")
    last = found["last_run"]
    print(
        "last run    " + (f"{last['state']} in {last['seconds']} s, {last['started_at'][:16]} UTC" if last else "none")
    )

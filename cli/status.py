"""`lake status`: what the lake holds, where its sources stand, what its checks found."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake status`."""
    app.command("status")(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Tables, rows, versions, freshness, checks and the last run."""
    from cli.screens.printing import print_json, print_table
    from contracts.wording import many
    from ingestion.landing.land import counters
    from runs.status import status as gather

    document = gather()
    if as_json:
        print_json(document)
        return
    if not document["tables"]:
        print("the lake is empty\nnext: lake sandbox create && lake run")
        return
    print_table(
        "Tables",
        ["table", "rows", "version", "kB", "newest event (UTC)"],
        [
            (t["name"], t["rows"], t["version"], t["bytes"] // 1024, (t["freshest_event_at"] or "-")[:16])
            for t in document["tables"]
        ],
    )
    print_table(
        "Sources, since the lake began",
        ["source", "entity", "received", "landed", "quarantined", "duplicates", "state"],
        [tuple(s.values()) for s in document["sources"]],
    )
    for entity in counters():
        if entity.new_columns:
            print(f"new columns {entity.source}/{entity.entity}: {', '.join(entity.new_columns)} (kept as text)")
    checks = document["checks"]
    print(f"checks      {checks['passed']:,} passed, {checks['failed']:,} failed")
    for table in checks["blocked"]:
        print(f"  blocking  {table}")
    print(f"persons     {document['persons']:,}")
    print(f"unresolved  {many(document['unresolved_records'], 'record')}")
    last = document["last_run"]
    print(
        "last run    " + (f"{last['state']} in {last['seconds']} s, {last['started_at'][:16]} UTC" if last else "none")
    )

"""`lake quarantine`: see the records that were rejected, and land them once their contract or cause is corrected."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `lake quarantine list`, `show` and `replay`."""
    quarantine = typer.Typer(help="Records that broke their contract: list, show, replay.", no_args_is_help=True)
    quarantine.command("list")(list_records)
    quarantine.command("show")(show)
    quarantine.command("replay")(replay)
    app.add_typer(quarantine, name="quarantine")


def list_records(
    source: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, one entry per record.")] = False,
) -> None:
    """How many records were rejected and why; with --json each of them. Never their content."""
    from collections import Counter
    from dataclasses import asdict

    from cli.screens.printing import print_json, print_table
    from ingestion.quarantine.records import list_rejected

    records = list_rejected(source)
    if as_json:
        print_json({"records": [asdict(record) | {"explanation": record.explanation} for record in records]})
        return
    if not records:
        print("no record is in quarantine")
        return
    groups = Counter((r.source, r.entity, r.explanation, r.value_class or "-") for r in records)
    examples = {(r.source, r.entity, r.explanation, r.value_class or "-"): r.refused_id[:12] for r in records}
    print_table(
        "Rejected records",
        ["source", "entity", "why", "kind of value", "records", "one of them"],
        [(*group, count, examples[group]) for group, count in groups.most_common()],
    )
    print("see one: lake quarantine show ID\nafter its cause is corrected: lake quarantine replay [SOURCE]")


def show(
    refused_id: Annotated[str, typer.Argument(metavar="ID", help="Id from the list, or its beginning.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    as_it_came: Annotated[bool, typer.Option("--raw", help="The record alone, byte for byte.")] = False,
) -> None:
    """One rejected record with its content as it came: personal values, for those who may see them."""
    import sys

    from cli.screens.printing import harmless, print_json
    from ingestion.quarantine.records import raw_bytes
    from ingestion.quarantine.records import show as show_record

    record = show_record(refused_id)
    if as_it_came:
        sys.stdout.buffer.write(raw_bytes(record))
        return
    if as_json:
        print_json(record)
        return
    for name, value in record.items():
        lines = "-" if value is None else "\n".join(map(harmless, str(value).split("\n")))
        print(f"{name:18}{lines}")


def replay(
    source: Annotated[str | None, typer.Argument(help="Only this source; else all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Check rejected records against the contracts as they are now; valid ones move to bronze, the rest stays."""
    from dataclasses import asdict

    from cli.screens.printing import print_json, print_table
    from ingestion.quarantine.records import replay as replay_records

    done = [asdict(one) for one in replay_records(source)]
    if as_json:
        print_json({"replayed": done})
        return
    if not done:
        print("no record is in quarantine")
        return
    print_table("Replayed", list(done[0]), [tuple(one.values()) for one in done])
    if any(one["landed"] for one in done):
        print("next: lake run")

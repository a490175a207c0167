"""`lake maintain`: keep tables quick and the disk small. The policy is in `lake/maintenance.py`."""

import typer


def register(app: typer.Typer) -> None:
    """Add `lake maintain`."""
    app.command("maintain")(maintain)


def maintain() -> None:
    """Compact, checkpoint and vacuum every table by policy; an error while a run is at work."""
    from cli.screens.progress import steps
    from contracts.wording import many
    from runs.maintenance import maintain_lake

    with steps() as step:
        done = maintain_lake(progress=step)
    changed = [each for each in done if each.is_changed]
    for each in changed:
        print(
            f"{each.table}: {many(each.files_compacted, 'file')} compacted, {each.files_vacuumed:,} vacuumed,"
            f" {many(each.orphans_swept, 'orphan')} deleted"
        )
    print(f"{many(len(done), 'table')} examined, {len(changed):,} changed")

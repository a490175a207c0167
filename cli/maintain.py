"""`lake maintain`: keep tables quick and the disk small. What is done, and how long things are kept, `lake` says."""

import typer


def register(app: typer.Typer) -> None:
    """Add `lake maintain`."""
    app.command("maintain")(maintain)


def maintain() -> None:
    """Compact, checkpoint and vacuum every table by policy; waits for no run, and refuses while one is at work."""
    from cli.screens.progress import steps
    from runs.maintenance import maintain_lake

    with steps() as step:
        done = maintain_lake(progress=step)
    changed = [each for each in done if each.is_changed]
    for each in changed:
        print(
            f"{each.table}: {each.files_compacted} files compacted, {each.files_vacuumed} vacuumed,"
            f" {each.orphans_swept} left-overs swept"
        )
    print(f"{len(done)} tables looked at, {len(changed)} put in order")

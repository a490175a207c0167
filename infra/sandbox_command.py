"""`lake sandbox`: make the simulated company, or let time pass in it. A plug-in of the group `customer_lake.verbs`."""

from typing import Annotated

import typer

SIMULATED = "sandbox"


def register(app: typer.Typer) -> None:
    """Add `lake sandbox create` and `lake sandbox advance`."""
    sandbox = typer.Typer(help="The nine simulated systems, and the days that pass in them.", no_args_is_help=True)
    sandbox.command("create")(create)
    sandbox.command("advance")(advance)
    app.add_typer(sandbox, name="sandbox")


def create(
    persons: Annotated[int, typer.Option(min=1, help="People in the simulated company.")] = 2000,
    days: Annotated[int, typer.Option(min=1, help="Days of history.")] = 180,
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 7,
    world: Annotated[str, typer.Option(help="`sandbox`, or a real data set such as `complete-journey`.")] = SIMULATED,
) -> None:
    """Make the systems and their truth under LAKE_HOME/sandbox. An existing sandbox is kept as it is."""
    from cli.screens.progress import steps
    from contracts.settings import load_settings

    root = load_settings().sources_root
    if (root / "clock.json").exists():
        print(f"kept: {root} exists already; delete it to make another")
        return
    with steps() as step:
        if world == SIMULATED:
            from infra.sandbox.world import create as create_sandbox

            create_sandbox(root, persons=persons, days=days, seed=seed, progress=step)
        else:
            from infra.worlds import create_world

            create_world(world, root, progress=step)
    print(f"made: {root}\nnext: lake run")


def advance(days: Annotated[int, typer.Option(min=1, help="Days to pass.")] = 1) -> None:
    """Let days pass: new rows, late rows, corrections, and once a changed schema."""
    from cli.screens.progress import steps
    from contracts.settings import load_settings
    from infra.sandbox.world import advance as advance_sandbox
    from lake.clock import today

    root = load_settings().sources_root
    with steps():
        advance_sandbox(root, days=days)
    print(f"now: {today()} in {root}\nnext: lake run")

"""`lake run`: bring the lake up to date. Asks whether there is anything to do before anything heavy is imported."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestration.execute import StepNews


def register(app: typer.Typer) -> None:
    """Add `lake run`."""
    app.command("run")(run)


def run(
    source: Annotated[list[str] | None, typer.Option(help="Land only this source; may be given several times.")] = None,
    full_refresh: Annotated[
        bool, typer.Option(help="Read sources from their beginning and rebuild all models.")
    ] = False,
) -> None:
    """Bring the lake up to date. Only what changed is done again; a run that failed is continued."""
    from cli._log import start_log
    from contracts.contract_file import discover_sources, load_contract
    from runs.changes import find_changes
    from runs.run_lock import run_lock
    from runs.summary import idle_summary, print_summary
    from runs.worlds import source_servers

    started = time.monotonic()
    log = start_log()
    for name in source or []:
        load_contract(name)  # an unknown source is an error that lists the known ones
    with run_lock(), source_servers():
        _migrate_old_lake()
        changes = find_changes(source or discover_sources())
        if changes.nothing and not full_refresh:
            print(idle_summary(changes, time.monotonic() - started))
            return
        reasons = "; ".join(changes.reasons()) or "full refresh"
        print(f"run: {reasons}", flush=True)
        _stop_at_broken_contracts(source or discover_sources())
        from orchestration.execute import execute

        with _Progress() as report:
            finished = execute(source, full_refresh=full_refresh, report=report)
    print_summary(finished, time.monotonic() - started, str(log))
    raise typer.Exit(1 if finished.state == "failed" else 0)


def _migrate_old_lake() -> None:
    """Before anything is compared or read: an older lake's tables have other columns."""
    from lake import layout

    before = layout.layout_version()
    if before is not None and before != layout.LAYOUT:
        print(f"the lake is migrated from layout {before} to {layout.ensure()}", flush=True)


def _stop_at_broken_contracts(sources: list[str]) -> None:
    """Where a contract cannot be used, land the other sources and stop: everything after landing needs them all.

    Raises:
        LakeError: the first contract that cannot be used.
    """
    from contracts.contract_file import broken_contracts

    broken = broken_contracts()
    if not broken:
        return
    from contracts.wording import many
    from ingestion.landing.land import land_source

    for name in sources:
        if name not in broken:
            landed = land_source(name)
            print(f"  {name}: {landed.state}, {many(landed.counts.landed, 'row')} landed", flush=True)
    raise next(iter(broken.values()))


class _Progress:
    """Prints each step: on a terminal a live line for the one at work, elsewhere plain lines as steps end."""

    def __enter__(self) -> "Callable[[StepNews], None]":
        self._live = None
        if sys.stdout.isatty():
            from rich.console import Console

            self._live = Console().status("starting")
            self._live.start()
        return self._print

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _print(self, news: "StepNews") -> None:
        place = f"[{news.number:>2}/{news.total}] {news.step.replace('_', ' ')}"
        if news.seconds is None:
            if self._live is not None:
                self._live.update(place.replace("[", "\\["))
            return
        print(
            f"  {place:<40} {news.seconds:6.1f} s{'' if news.state == 'done' else '  ' + news.state.upper()}",
            flush=True,
        )

"""Maintenance between runs: tables are compacted and vacuumed, and the next run learns that no row changed."""

from collections.abc import Callable
from dataclasses import replace

from lake.maintenance import Maintained, maintain
from runs import ledger
from runs.changes import table_versions
from runs.run_lock import run_lock


def maintain_lake(progress: Callable[[str], None] | None = None) -> list[Maintained]:
    """Compact, vacuum and checkpoint every table while no run is at work.

    Compacting gives tables new versions with the same rows. Where the lake was up to date before, the ledger records
    that it still is, so that the next run stays idle.

    Raises:
        RunInProgressError: a run is at work.
    """
    with run_lock():
        before, baseline = table_versions(), ledger.last_complete_run()
        done = maintain(progress=progress)
        after = table_versions()
        if baseline is not None and baseline.versions == before and after != before:
            now = ledger.utc_now()
            run_id = f"{baseline.run_id}+maintained-{now:%Y%m%dT%H%M%S}"
            ledger.record(
                replace(
                    baseline,
                    run_id=run_id,
                    started_at=now,
                    finished_at=now,
                    state="maintained",
                    versions=after,
                    steps={},
                )
            )
    return done

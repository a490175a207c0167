"""What the steps of one run share: its options, what it is compared with, servers of its sources, one run lock.

A Dagster resource, made once per run and closed at its end, whoever started the run (`lake run`, schedule, sensor, UI).
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import dagster as dg
from pydantic import PrivateAttr

from contracts.catalogue.tables import PERSON_LABELS, PERSON_MODELS
from lake.clock import today
from lake.tables import table_version
from runs import ledger
from runs.changes import Changes, compare, table_versions
from runs.fingerprint import as_text, fingerprint
from runs.ledger import Failure, Run
from runs.run_lock import run_lock
from runs.worlds import source_servers

#: What people change at any time, by `lake identity label` and `train`.
BY_HAND = (PERSON_LABELS, PERSON_MODELS)
#: Tag of a run of `lake run --source`: these were asked for, and everything that reads them was brought up to date.
SOURCES_TAG = "lake/sources"
#: A run that a schedule or sensor started waits so long for one that is at work.
_PATIENCE_SECONDS = 1800.0


class Session(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Options and shared state of a run. In the launchpad only `full_refresh` can be set."""

    full_refresh: bool = False

    _baseline: Run | None = PrivateAttr(default=None)
    _started: datetime = PrivateAttr(default_factory=ledger.utc_now)
    _code: str = PrivateAttr(default="")
    _failures: list[Failure] = PrivateAttr(default_factory=list)
    _recorded: Run | None = PrivateAttr(default=None)
    _by_hand: dict[str, int] = PrivateAttr(default_factory=dict)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Session"]:
        """Take the run lock, note what the lake is compared with, start the servers of its sources."""
        with ExitStack() as stack:
            stack.enter_context(run_lock(patience=_PATIENCE_SECONDS))
            stack.enter_context(source_servers())
            self._baseline = None if self.full_refresh else ledger.last_complete_run()
            self._code = as_text(fingerprint())
            self._by_hand = {name: version for name in BY_HAND if (version := table_version(name)) is not None}
            try:
                yield self
            finally:
                self._close(context)

    @property
    def failures(self) -> list[Failure]:
        """What failed so far without stopping the run: sources."""
        return self._failures

    def changes(self) -> Changes:
        """What changed since the last complete run, as of now: every step asks again, since steps before it write."""
        return compare(with_run=self._baseline)

    def record(self, instance: dg.DagsterInstance, run: dg.DagsterRun, *, is_complete: bool) -> Run:
        """Write the run's row into the ledger; a run that is recorded twice keeps its first row."""
        steps, checks, stopped = _history(instance, run.run_id)
        failures = [*self._failures, *stopped]
        row = Run(
            run_id=run.run_id,
            started_at=self._started,
            finished_at=ledger.utc_now(),
            state="failed" if failures or not is_complete else "succeeded",
            is_complete=is_complete and not stopped,
            clock_day=today(),
            code=self._code,
            sources=[s for s in run.tags.get(SOURCES_TAG, "").split(",") if s],
            versions=versions_read(self._by_hand),
            steps=steps,
            failures=failures,
            checks=checks,
        )
        ledger.record(row)
        self._recorded = row
        return row

    def _close(self, context: dg.InitResourceContext) -> None:
        """A run that stopped half-way is recorded too, and the portal shows why."""
        run = context.run
        if run is None or context.instance is None or self._recorded is not None or not is_whole(run):
            return
        self.record(context.instance, run, is_complete=False)
        from ingestion.landing.land import counters
        from web.portal.render import build

        build(counters=counters())


def versions_read(by_hand: dict[str, int]) -> dict[str, int]:
    """The version of every table outside `ops/`, that of what people change as it was when the run began.

    People label at any time. A label given while a run is at work may have come too late for it, so the next one looks.
    """
    return {name: version for name, version in table_versions().items() if name not in BY_HAND} | by_hand


def is_whole(run: dg.DagsterRun) -> bool:
    """Whether a run brings the lake up to date, and not only some tables picked in the UI."""
    return run.asset_selection is None or SOURCES_TAG in run.tags


def _history(instance: dg.DagsterInstance, run_id: str) -> tuple[dict[str, float], dict[str, int], list[Failure]]:
    """Seconds per step, checks passed and failed, and what stopped: from the run's own events."""
    steps = {
        stats.step_key: round(stats.end_time - stats.start_time, 2)
        for stats in instance.get_run_step_stats(run_id)
        if stats.start_time and stats.end_time
    }
    wanted = {dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.STEP_FAILURE}
    checks = {"passed": 0, "failed": 0}
    stopped = []
    for entry in instance.all_logs(run_id, of_type=wanted):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            checks["passed" if event.asset_check_evaluation_data.passed else "failed"] += 1
        else:
            stopped.append(_stopped(event))
    return steps, checks, stopped


def _stopped(event: dg.DagsterEvent) -> Failure:
    """A step's failure in words: Dagster's own error holds what the step raised as its cause."""
    data = event.step_failure_data
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    described = data.user_failure_data.description if data.user_failure_data else None
    message = described or (error.message.strip() if error else "failed")
    message, _, cure = message.partition("\n  cure: ")
    if cure:  # one of our own errors: the name of its class means nothing to the reader
        message = re.sub(r"^[\w.]+: ", "", message, count=1)
    return Failure(
        where=event.step_key or "run",
        message=message.strip(),
        cure=cure or "see the step in `lake up`, correct it, and run again: what succeeded stays",
    )

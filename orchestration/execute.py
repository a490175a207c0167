"""Executes the whole job in this process, on the persistent instance, and reports each step as it starts and ends.

The run is recorded as if the UI had launched it, so that it can be looked at and started again there. What the steps do
is in `defs/`; what comes of the run is in `runs/ledger.py`.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from contracts.errors import LakeError
from contracts.settings import PROJECT_ROOT
from runs import ledger
from runs.ledger import Run

MODULE, LOCATION, JOB = "orchestration.definitions", "customer-lake", "lake"


@dataclass(frozen=True, kw_only=True)
class StepNews:
    """A step started (`seconds` is None), or ended well, or failed. `number` of `total` in the order of the run."""

    step: str
    state: str
    number: int
    total: int
    seconds: float | None = None


class RunFailedError(LakeError):
    """The run could not be executed at all; a run that fails in a step is reported, not raised."""


def silence() -> None:
    """No telemetry, no calls outside, from any part, whatever the user's own settings are (ADR 9)."""
    for name, value in {
        "DO_NOT_TRACK": "1", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "FEAST_USAGE": "False",
        "GX_ANALYTICS_ENABLED": "false", "DAGSTER_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1",
    }.items():  # fmt: skip
        os.environ[name] = value


def execute(
    sources: Iterable[str] | None = None,
    *,
    full_refresh: bool = False,
    report: Callable[[StepNews], None] = lambda _: None,
) -> Run:
    """Run the job `lake`; with `sources`, land only these and bring what is behind them up to date.

    Raises:
        RunFailedError: the run ended before any step could record what happened.
    """
    silence()
    import dagster as dg
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run_iterator

    from orchestration.definitions import defs
    from orchestration.instance import PROCESS_TAG, close_dead_runs, open_instance, prune_runs, this_process
    from orchestration.session import SOURCES_TAG

    loaded = defs()
    job = loaded.resolve_job_def(JOB)
    tags = {PROCESS_TAG: this_process(), "dagster/max_retries": "0", "lake/started_by": "lake run"}
    selection = None
    if sources is not None:
        tags[SOURCES_TAG] = ",".join(sorted(sources))
        selection = _selection(job, set(sources))
    config: dict[str, object] = {
        "resources": {"session": {"config": {"full_refresh": full_refresh}}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    with open_instance() as instance:
        close_dead_runs(instance)
        subset = job.get_subset(asset_selection=selection) if selection else job
        run = instance.create_run_for_job(
            subset, run_config=config, tags=tags, asset_selection=selection, remote_job_origin=_origin()
        )
        failed = []
        news = _News(len(subset.nodes), report)
        try:
            for event in execute_run_iterator(InMemoryJob(job), run, instance):
                news.take(event)
                if event.event_type == dg.DagsterEventType.RUN_FAILURE:
                    failed.append(event.message or "")
        finally:
            close_dead_runs(instance)
            prune_runs(instance)
    row = next((recorded for recorded in ledger.runs() if recorded.run_id == run.run_id), None)
    if row is None:
        raise RunFailedError(f"the run did not start: {' '.join(failed)}", cure=f"see run {run.run_id} in `lake up`")
    return row


class _News:
    """Turns Dagster's events into news of steps."""

    def __init__(self, total: int, report: Callable[[StepNews], None]) -> None:
        self._total, self._report = total, report
        self._started: dict[str, tuple[int, float]] = {}

    def take(self, event: Any) -> None:
        """Take one event of the run."""
        kind, step = event.event_type_value, event.step_key
        if step is None:
            return
        if kind == "STEP_START":
            self._started[step] = (len(self._started) + 1, time.monotonic())
            self._report(StepNews(step=step, state="started", number=len(self._started), total=self._total))
        elif kind in ("STEP_SUCCESS", "STEP_FAILURE") and step in self._started:
            number, began = self._started[step]
            state = "done" if kind == "STEP_SUCCESS" else "failed"
            seconds = time.monotonic() - began
            self._report(StepNews(step=step, state=state, number=number, total=self._total, seconds=seconds))
            if state == "failed" and event.step_failure_data.error is not None:
                logging.getLogger(__name__).error("%s failed: %s", step, event.step_failure_data.error.to_string())


def _selection(job: Any, sources: set[str]) -> set[Any]:
    """Every asset of the job but the bronze of sources that were not asked for."""
    return {key for key in job.asset_layer.executable_asset_keys if key.path[0] != "bronze" or key.path[1] in sources}


def _origin() -> Any:
    """Where the UI finds the job of this run, so that it can be started again there; equal to the UI's own (`up`)."""
    from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
    from dagster._core.workspace.load import location_origin_from_module_name

    location = location_origin_from_module_name(MODULE, None, str(PROJECT_ROOT), location_name=LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), JOB)

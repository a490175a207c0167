"""The ledger of runs, `ops/runs`: one row per run, with the versions of every table when it ended.

It is what the next run is compared with, and what `lake status` reports as the last run. Reads and writes Delta only.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from contracts.catalogue.tables import RUNS
from contracts.logical_types import TIMESTAMP
from lake import writer
from lake.tables import open_table

_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()), ("started_at", TIMESTAMP), ("finished_at", TIMESTAMP), ("seconds", pa.float64()),
        ("state", pa.string()), ("is_complete", pa.bool_()), ("clock_day", pa.date32()), ("code", pa.string()),
        ("sources", pa.string()), ("versions", pa.string()), ("steps", pa.string()), ("failures", pa.string()),
        ("checks", pa.string()),
    ]
)  # fmt: skip
_JSON = ("sources", "versions", "steps", "failures", "checks")


@dataclass(frozen=True)
class Failure:
    """Something that went wrong in a run: where, what, and the cure. Never a person's value."""

    where: str
    message: str
    cure: str


@dataclass(frozen=True)
class Run:
    """One run of the pipeline.

    Attributes:
        state: `succeeded`, `failed`, or `maintained` (not a run: tables have new versions with the same rows).
        is_complete: every layer was brought up to date with what had landed, though a source may have failed.
            The newest complete run is what the next one compares with.
        clock_day: the lake's day, which windows of features depend on.
        code: fingerprint of models, contracts, suites and rules, see `fingerprint.as_text`; older lakes hold one hash.
        sources: sources that were asked for.
        versions: newest version of every table outside `ops/` when the run ended.
        steps: seconds per step.
        checks: `passed` and `failed` numbers of checks in this run.
    """

    run_id: str
    started_at: datetime
    finished_at: datetime
    state: str
    is_complete: bool
    clock_day: date
    code: str
    sources: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    checks: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()


def record(run: Run) -> None:
    """Append a run; recording the same run twice leaves one row."""
    row: dict[str, Any] = {f.name: getattr(run, f.name) for f in fields(run)}
    row["seconds"] = run.seconds
    row["failures"] = [asdict(failure) for failure in run.failures]
    row.update({name: json.dumps(row[name], sort_keys=True) for name in _JSON})
    commit = writer.Commit(app_id=f"run:{run.run_id}", batch=0)
    writer.append(RUNS, pa.Table.from_pylist([row], schema=_SCHEMA), commit=commit)


def runs() -> list[Run]:
    """All runs, newest first."""
    table = open_table(RUNS)
    if table is None:
        return []
    rows = table.to_pyarrow_table().sort_by([("finished_at", "descending")]).to_pylist()
    return [_read(row) for row in rows]


def last_run() -> Run | None:
    """The newest run that did something, or None."""
    return next((run for run in runs() if run.state != "maintained"), None)


def last_complete_run() -> Run | None:
    """The newest run after which every layer was up to date with what had landed, or None."""
    return next((run for run in runs() if run.is_complete), None)


def utc_now() -> datetime:
    """The machine's time: runs are timed by it, whatever day it is in the lake."""
    return datetime.now(UTC)


def _read(row: dict[str, Any]) -> Run:
    values = {f.name: row[f.name] for f in fields(Run)}
    values.update({name: json.loads(row[name] or "null") for name in _JSON})
    values["failures"] = [Failure(**failure) for failure in values["failures"]]
    return Run(**values)

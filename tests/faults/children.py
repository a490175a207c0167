"""Processes of a lake that a test kills: forked from one that has everything loaded, so that a round costs its work.

A child of `python -c` spends most of its life with imports, and most kills would hit those. These begin with the
work at once and report which named points they have passed.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from contracts.settings import reset_settings

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "ingestion.landing.land", "ingestion.quarantine.records", "ingestion.connectors.drops.files",
        "ingestion.connectors.databases.sql", "ingestion.connectors.databases.dialects", "lake.maintenance",
        "tests.faults.children",
    ]
)  # fmt: skip
SIGKILLED = -signal.SIGKILL
BEGUN = "begun"
#: Variable that names the point at which a child stops, all its threads, until it is woken: once.
STANDS_STILL_AT = "STANDS_STILL_AT"


class Child:
    """One process at work in the lake of the test that started it."""

    def __init__(self, process: BaseProcess, reports: Connection) -> None:
        self.process = process
        self._reports = reports
        self.passed: list[str] = []

    def wait_begun(self) -> None:
        """Wait until the work begins."""
        self.passed.append(self._reports.recv())

    def wait_passed(self, point: str) -> None:
        """Wait until it has passed a named point."""
        while self.phase != point:
            self.passed.append(self._reports.recv())

    def wake(self) -> None:
        """Let it go on from where it stands still (`STANDS_STILL_AT`)."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def kill_after(self, seconds: float) -> bool:
        """Kill -9 after some time of work; False where it had ended before."""
        self.process.join(seconds)
        if self.process.exitcode is not None:
            self.end()
            return False
        self.process.kill()
        return self.end() == SIGKILLED

    def end(self, seconds: float = 120) -> int:
        """Wait for the end; gives the exit code, negative for a signal."""
        self.process.join(seconds)
        try:
            while self._reports.poll():
                self.passed.append(self._reports.recv())
        except EOFError:
            pass
        assert self.process.exitcode is not None, "the child does not end"
        return self.process.exitcode

    @property
    def phase(self) -> str:
        """The last point that it passed."""
        return self.passed[-1]


def start(work: Callable[..., None], *arguments: object, **environment: str) -> Child:
    """Start `work` (a function of a module) in a process of its own, in this process's lake."""
    ours, theirs = _FORKS.Pipe(duplex=False)
    process = _FORKS.Process(target=_run, args=(theirs, dict(os.environ) | environment, work, arguments))
    process.start()
    theirs.close()
    child = Child(process, ours)
    child.wait_begun()
    return child


def _run(
    reports: Connection, environment: dict[str, str], work: Callable[..., None], arguments: tuple[object, ...]
) -> None:
    from ingestion.landing import batches
    from ingestion.quarantine import replays
    from lake import crash_points, maintenance

    stands_still_at = {environment.get(STANDS_STILL_AT)}

    def pass_by(name: str) -> None:
        reports.send(name)
        crash_points.crash_point(name)
        if name in stands_still_at:
            stands_still_at.clear()
            os.kill(os.getpid(), signal.SIGSTOP)

    os.environ.clear()
    os.environ.update(environment)
    reset_settings()
    for module in (batches, replays, maintenance):
        module.crash_point = pass_by  # type: ignore[attr-defined]
    reports.send(BEGUN)
    work(*arguments)


def land() -> None:
    """Land the shop."""
    from ingestion.landing.land import land_source

    assert land_source("shop").error is None


def replay_quarantine() -> None:
    """Replay the shop's quarantine."""
    from ingestion.quarantine.records import replay

    replay("shop")


def maintain_lake() -> None:
    """Maintain every table by a policy under which there is always something to do."""
    from datetime import timedelta

    from lake.maintenance import Policy, maintain

    maintain(policy=Policy(small_files=2, retention=timedelta(0), is_enforced=False))


def seconds_of(work: Callable[..., None]) -> float:
    """How long a child takes that nobody kills."""
    child, started = start(work), time.monotonic()
    assert child.end() == 0
    return time.monotonic() - started

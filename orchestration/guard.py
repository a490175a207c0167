"""Around a run: one at a time on a lake, and the sandbox's survey API while it lasts. Imports no Dagster."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lake.errors import LakeError
from lake.settings import load_settings

SURVEY_API = "LAKE_SOURCE_VOICE_OF_CUSTOMER_URL"

#: How deep this process holds the run lock: `lake run` takes it before the job's session does.
_held = 0


class RunInProgressError(LakeError):
    """Another run is at work on this lake."""


@contextmanager
def run_lock(patience: float = 0) -> Iterator[None]:
    """One run at a time on a lake. The lock goes with the process, so a killed run leaves nothing behind.

    Raises:
        RunInProgressError: another process still runs after `patience` seconds.
    """
    global _held
    if _held:
        yield
        return
    path = load_settings().home / "locks" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        _take(lock, patience)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _held += 1
        try:
            yield
        finally:
            _held -= 1


@contextmanager
def survey_api() -> Iterator[None]:
    """Serve the sandbox's survey API while it is needed, where there is a sandbox and no other address is given."""
    root = load_settings().sources_root
    if SURVEY_API in os.environ or not (root / "voice_of_customer").exists():
        yield
        return
    from infra.sandbox.survey_api import serve

    with serve(root) as url:
        os.environ[SURVEY_API] = url
        try:
            yield
        finally:
            del os.environ[SURVEY_API]


def _take(lock: TextIO, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.5)
                continue
        lock.seek(0)
        raise RunInProgressError(
            f"another run is at work on {load_settings().home} (process {lock.read().strip() or 'unknown'})",
            cure="wait for it to end (`lake status` shows it), or stop that process; nothing is lost by either",
        )

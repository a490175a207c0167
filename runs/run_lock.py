"""One run at a time on a lake."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from contracts.errors import LakeError
from contracts.settings import load_settings

#: How many blocks of this process are within the lock: `lake run` takes it before the job's session does.
_depth = 0


class RunInProgressError(LakeError):
    """Another run is at work on this lake."""


@contextmanager
def run_lock(patience: float = 0) -> Iterator[None]:
    """One run at a time on a lake. The lock goes with the process, so a killed run leaves nothing behind.

    Raises:
        RunInProgressError: another process still runs after `patience` seconds.
    """
    global _depth
    if _depth:
        yield
        return
    path = load_settings().home / "locks" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        _take(lock, patience)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _depth += 1
        try:
            yield
        finally:
            _depth -= 1


def _take(lock: TextIO, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.5)
                continue
        lock.seek(0)
        raise RunInProgressError(
            f"another run is at work on {load_settings().home} (process {lock.read().strip() or 'unknown'})",
            cure="wait for it to end (`lake status` shows it), or stop that process; nothing is lost by either",
        )

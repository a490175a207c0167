"""A lock per table (ADR 9): writers of one table take turns, across processes and threads, with or without Dagster.

The lock is an advisory `flock` on a file below `LAKE_HOME/locks`, so a killed writer never leaves it taken. It is
re-entrant within a thread: landing holds a table from reading its cursor to committing the batch, and the writer
inside takes the same lock again. Where the tables are in S3, other machines are kept out by a lease (`lake.s3.leases`).
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from contracts.settings import load_settings
from lake.s3.access import is_remote
from lake.s3.leases import lease

#: How often this thread has taken each lock.
_thread = threading.local()


@contextmanager
def table_lock(name: str) -> Iterator[None]:
    """Hold the lock of one table; waits until whoever has it is done, on this machine or another."""
    depths: dict[str, int] = _thread.__dict__.setdefault("depths", {})
    if depths.get(name):
        depths[name] += 1
        try:
            yield
        finally:
            depths[name] -= 1
        return
    path = load_settings().home / "locks" / (name.replace("/", "__") + ".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        depths[name] = 1
        try:
            with lease(name) if is_remote(load_settings().tables_root) else nullcontext():
                yield
        finally:
            del depths[name]

"""A folder that is dear to make: made once in a session of tests, whichever worker of pytest-xdist needs it first."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` has filled, for all workers: read it, and take a copy to change it.

    Where `make` fails, it fails in each worker that asks.
    """
    base = factory.getbasetemp()
    # A worker's own folder lies in that of the session; without workers there is only the one.
    folder = (base.parent if base.name.startswith("popen-") else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "made"
        if not (folder / "is-made").exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            (folder / "is-made").touch()
        return made

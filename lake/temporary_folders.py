"""Folders for what lives only as long as a process: below `LAKE_HOME/tmp`, gone with it, or swept after it.

They may hold personal data. What a killed process left is removed as soon as another makes a folder of its kind, and
by maintenance.
"""

import os
import shutil
import tempfile

from contracts.settings import load_settings


def scratch_folder(kind: str) -> tempfile.TemporaryDirectory[str]:
    """A new folder of this process, to be closed; those of processes that are gone are removed."""
    root = load_settings().home / "tmp" / kind
    root.mkdir(parents=True, exist_ok=True)
    sweep_scratch(kind)
    return tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=root)


def sweep_scratch(kind: str | None = None) -> int:
    """Remove the folders of processes that are gone (of one kind); returns how many."""
    gone = 0
    for left in (load_settings().home / "tmp").glob(f"{kind or '*'}/*-*"):
        owner = left.name.partition("-")[0]
        if left.is_dir() and owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
            gone += 1
    return gone


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

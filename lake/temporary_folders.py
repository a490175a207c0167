"""Temporary folders of a process below `LAKE_HOME/tmp`: removed when it closes them, or swept after it died.

They may hold personal data. What a killed process left is removed as soon as another makes a folder of its kind, and
by maintenance.
"""

import os
import shutil
import tempfile

from contracts.settings import load_settings


def temporary_folder(kind: str) -> tempfile.TemporaryDirectory[str]:
    """A new folder of this process, to be closed; those of dead processes are removed."""
    root = load_settings().home / "tmp" / kind
    root.mkdir(parents=True, exist_ok=True)
    sweep_temporary_folders(kind)
    return tempfile.TemporaryDirectory(prefix=f"{os.getpid()}-", dir=root)


def sweep_temporary_folders(kind: str | None = None) -> int:
    """Remove the folders of dead processes (of one kind); returns how many."""
    removed = 0
    for folder in (load_settings().home / "tmp").glob(f"{kind or '*'}/*-*"):
        owner = folder.name.partition("-")[0]
        if folder.is_dir() and owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

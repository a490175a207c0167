"""Keeping the tables fast and the disk small: compact, vacuum, sweep, checkpoint, clean old logs.

Each table is done under its own lock, so that no writer is at work in it; readers go on. A table with nothing to do
gets no new version. The cursors that ride in commits (`lake.state`) are written again before old logs are
cleaned: cleaning keeps the transaction versions and loses the metadata (measured).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable

from lake.locks import table_lock
from lake.state import as_metadata, in_newest_commit, state_of
from lake.tables import list_tables, open_table, table_uri

#: A table with this many files smaller than `SMALL_BYTES` is compacted.
SMALL_FILES = 12
SMALL_BYTES = 32 << 20
TARGET_BYTES = 256 << 20
#: Readers may hold an old version this long; after it, its files go.
RETENTION = timedelta(days=7)
#: Whether a table's own, longer retention overrules ours.
ENFORCE_RETENTION = True

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Maintained:
    """What was done to one table."""

    table: str
    files_compacted: int
    files_vacuumed: int
    orphans_swept: int

    @property
    def is_changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.files_compacted or self.files_vacuumed or self.orphans_swept)


def maintain(zone: str | None = None, progress: Progress | None = None) -> list[Maintained]:
    """Maintain every table (of one zone); returns what was done, a line per table."""
    done = []
    for name in list_tables(zone):
        maintained = maintain_table(name)
        done.append(maintained)
        if progress and maintained.is_changed:
            progress(f"{name}: {maintained.files_compacted} files compacted, {maintained.files_vacuumed} vacuumed")
    return done


def maintain_table(name: str) -> Maintained:
    """Maintain one table."""
    with table_lock(name):
        table = open_table(name)
        if table is None:
            return Maintained(name, 0, 0, 0)
        compacted = _compact(table)
        vacuumed = _vacuum(table)
        swept = _sweep(Path(table_uri(name)))
        table.create_checkpoint()
        recommit_state(table)
        table.cleanup_metadata()
        return Maintained(name, compacted, vacuumed, swept)


def recommit_state(table: DeltaTable) -> bool:
    """Write the newest state again where the newest commit does not carry it; returns whether it was written."""
    state = state_of(table)
    if not state or in_newest_commit(table):
        return False
    table.create_write_transaction([], "append", table.schema(), [], commit_properties=_with_state(table))
    return True


def _compact(table: DeltaTable) -> int:
    sizes = table.get_add_actions(flatten=True).column("size_bytes").to_pylist()
    if sum(size < SMALL_BYTES for size in sizes) < SMALL_FILES:
        return 0
    metrics = table.optimize.compact(target_size=TARGET_BYTES, commit_properties=_with_state(table))
    return int(metrics["numFilesRemoved"])


def _vacuum(table: DeltaTable) -> int:
    """Remove files that no version of the last days refers to, those that a crash left included."""
    hours = int(RETENTION / timedelta(hours=1))
    policy: dict[str, Any] = {
        "retention_hours": hours,
        "full": True,
        "enforce_retention_duration": ENFORCE_RETENTION,
    }
    if not table.vacuum(dry_run=True, **policy):  # a vacuum that finds nothing makes versions all the same
        return 0
    return len(table.vacuum(dry_run=False, commit_properties=_with_state(table), **policy))


def _sweep(folder: Path) -> int:
    """Remove what a killed writer left under a temporary name (`#`), which vacuum does not see; we hold the lock."""
    orphans = [path for path in folder.rglob("*#*") if path.is_file()] if folder.is_dir() else []
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _with_state(table: DeltaTable) -> CommitProperties | None:
    state = state_of(table)
    return CommitProperties(custom_metadata=as_metadata(state)) if state else None

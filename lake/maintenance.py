"""Keeping the tables fast and the disk small: compact, vacuum, sweep, checkpoint, clean old logs.

Each table is done under its own lock, so that no writer is at work in it; readers go on. A table with nothing to do
gets no new version. The cursors that ride in commits (`lake.landing_state`) are written again before old logs are
cleaned: cleaning keeps the transaction versions and loses the metadata (measured).

A file that no commit ever named is removed at once: its writer held the lock that maintenance holds now, so it is dead.
A file that only an older version names stays for the readers of that version, as long as the policy says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable

from contracts.wording import many
from lake.crash_points import crash_point
from lake.data_files import staging_folder
from lake.landing_state import as_metadata, in_newest_commit, state_of
from lake.locks import table_lock
from lake.s3.access import is_remote
from lake.tables import list_tables, open_table, table_uri
from lake.temporary_folders import sweep_temporary_folders

#: Where a test may stop the process (`LAKE_CRASH_AT`), in the order of the work on one table.
CRASH_POINTS = (
    "maintenance.compacted",
    "maintenance.vacuumed",
    "maintenance.swept",
    "maintenance.checkpointed",
    "maintenance.recommitted",
    "maintenance.cleaned",
)

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Policy:
    """How much small files matter, and for how long an old version can be read.

    Attributes:
        small_files: a table with this many files smaller than `small_bytes` is compacted.
        target_bytes: size of the files that compaction writes.
        retention: readers may hold an old version this long; after it, its files go. None: as the table's own
            property says (`delta.deletedFileRetentionDuration`).
        is_enforced: whether a table's own, longer retention overrules this one.
        is_sweeping: whether files that nobody needs any more are looked for; it lists all there are (1,300: 70 ms).
        log_versions: so many versions before the newest checkpoint keep their files in the log. None: those keep them
            that the table's own property says (`delta.logRetentionDuration`, 30 days where it is not set).
    """

    small_files: int = 12
    small_bytes: int = 32 << 20
    target_bytes: int = 256 << 20
    retention: timedelta | None = timedelta(days=7)
    is_enforced: bool = True
    is_sweeping: bool = True
    log_versions: int | None = None


POLICY = Policy()


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


def maintain(zone: str | None = None, progress: Progress | None = None, *, policy: Policy = POLICY) -> list[Maintained]:
    """Maintain every table (of one zone); returns what was done, a line per table."""
    sweep_temporary_folders()
    done = []
    for name in list_tables(zone):
        maintained = maintain_table(name, policy=policy)
        done.append(maintained)
        if progress and maintained.is_changed:
            progress(
                f"{name}: {many(maintained.files_compacted, 'file')} compacted, {maintained.files_vacuumed} vacuumed"
            )
    return done


def maintain_table(name: str, *, policy: Policy = POLICY) -> Maintained:
    """Maintain one table. Cut short anywhere, it leaves a table as whole as before; the next one goes on."""
    with table_lock(name):
        table = open_table(name)
        if table is None:
            return Maintained(name, files_compacted=0, files_vacuumed=0, orphans_swept=0)
        compacted = _compact(table, policy)
        crash_point("maintenance.compacted")
        vacuumed = _vacuum(table, policy) if policy.is_sweeping else 0
        crash_point("maintenance.vacuumed")
        swept = _sweep(name, table) if policy.is_sweeping else 0
        crash_point("maintenance.swept")
        table.create_checkpoint()
        crash_point("maintenance.checkpointed")
        recommit_state(table)
        crash_point("maintenance.recommitted")
        table.cleanup_metadata()
        if policy.log_versions is not None and not is_remote(table_uri(name)):
            _shorten_log(Path(table_uri(name)), table.version() - policy.log_versions)
        crash_point("maintenance.cleaned")
        return Maintained(name, files_compacted=compacted, files_vacuumed=vacuumed, orphans_swept=swept)


def _shorten_log(folder: Path, before: int) -> None:
    """Remove the log's files of versions before this one, which a newer checkpoint stands for.

    delta-rs lists the log about ten times per commit: with 10,000 files in it a commit took 125 ms, with ten 6
    (measured), and a stream makes as many in three hours.
    """
    log = folder / "_delta_log"
    checkpoint = max((int(path.name[:20]) for path in log.glob("*.checkpoint*.parquet")), default=0)
    for path in log.iterdir():
        if path.name[:20].isdecimal() and int(path.name[:20]) < min(before, checkpoint):
            path.unlink(missing_ok=True)


def recommit_state(table: DeltaTable) -> bool:
    """Write the newest state again where the newest commit does not carry it; returns whether it was written."""
    state = state_of(table)
    if not state or in_newest_commit(table):
        return False
    table.create_write_transaction([], "append", table.schema(), [], commit_properties=_with_state(table))
    return True


def _compact(table: DeltaTable, policy: Policy) -> int:
    sizes = table.get_add_actions(flatten=True).column("size_bytes").to_pylist()
    if sum(size < policy.small_bytes for size in sizes) < policy.small_files:
        return 0
    metrics = table.optimize.compact(target_size=policy.target_bytes, commit_properties=_with_state(table))
    return int(metrics["numFilesRemoved"])


def _vacuum(table: DeltaTable, policy: Policy) -> int:
    """Remove files that no version of the retention's time refers to."""
    options: dict[str, Any] = {
        "retention_hours": None if policy.retention is None else int(policy.retention / timedelta(hours=1)),
        "full": True,
        "enforce_retention_duration": policy.is_enforced,
    }
    if not table.vacuum(dry_run=True, **options):  # a vacuum that finds nothing makes versions all the same
        return 0
    return len(table.vacuum(dry_run=False, commit_properties=_with_state(table), **options))


def _sweep(name: str, table: DeltaTable) -> int:
    """Remove what a killed writer left: files no commit names, and temporary ones (`#`), which vacuum does not see.

    In S3 another machine may be about to name a file, and our lock does not hold it: there vacuum removes them once
    they are older than the retention; what this machine was about to bring there goes at once.
    """
    folder, orphans = Path(table_uri(name)), [path for path in staging_folder(name).glob("*") if path.is_file()]
    if not is_remote(table_uri(name)):
        orphans += [folder / unnamed for unnamed in never_named(table)]
        orphans += [path for path in folder.rglob("*#*") if path.is_file()]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def never_named(table: DeltaTable) -> list[str]:
    """Data files below a table, relative to it, that no version names: neither the newest one nor one before it."""
    now: dict[str, Any] = {"retention_hours": 0, "dry_run": True, "enforce_retention_duration": False}
    named_before = set(table.vacuum(full=False, **now))
    unnamed = [name for name in table.vacuum(full=True, **now) if name not in named_before]
    return [name for name in unnamed if not any(part.startswith(("_", ".")) for part in Path(name).parts)]


def _with_state(table: DeltaTable) -> CommitProperties | None:
    state = state_of(table)
    return CommitProperties(custom_metadata=as_metadata(state)) if state else None

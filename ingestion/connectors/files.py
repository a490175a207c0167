"""Drop folders: CSV, JSON Lines and Parquet, plain or gzip, each file landed once, known by its content.

The cursor is the list of files landed: name, size, time of change and a hash of the content. A file that is
only touched or renamed brings nothing; one that is rewritten is read again; a copy under another name is a second
delivery. Half-written files (temporary names) are left alone; a file that cannot be read is left where it is,
named in the result, and does not keep the others from landing.
"""

import fnmatch
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from ingestion import drift
from ingestion.connectors import formats
from ingestion.connectors.base import Cursor, Delivery, Trouble, UnreachableError
from ingestion.connectors.formats import Reading, UnreadableFileError
from ingestion.contract import Entity
from ingestion.drift import DriftError

TEMPORARY = (".*", "_*", "*~", "*.tmp", "*.part", "*.partial", "*.crdownload", "*.inprogress", "*.filepart")
#: Bytes on disk of one batch; a first load of years is cut into several commits.
BATCH_BYTES = 512 << 20


@dataclass(frozen=True)
class Known:
    """What the cursor keeps of a landed file."""

    size: int
    changed_ns: int
    content: str

    def looks_like(self, path: Path) -> bool:
        """Same size and time of change; the cheap check."""
        stat = path.stat()
        return stat.st_size == self.size and stat.st_mtime_ns == self.changed_ns


class FilesConnector:
    """One entity's drop folder: `root` is the source's folder, the contract's `physicalName` the glob below it."""

    stream = "files"
    is_live = False

    def __init__(self, root: Path, entity: Entity, file_format: str, delimiter: str = ",") -> None:
        self.root = root
        self.entity = entity
        self.format = file_format
        self.delimiter = delimiter
        self._left_out: dict[str, Trouble] = {}
        self._offered: dict[str, Path] = {}
        self._described: dict[str, Known] = {}

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a file is new or rewritten. Only what looks changed is opened: one that was merely touched, as by a
        copy of the folder, must not make every later run a busy one."""
        known = unpack(cursor)
        present = dict(self._files())
        if present.keys() - known.keys() and not known.keys() - present.keys():
            return True
        return any(self._changed(known, present, {}))

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The files with new content, up to `BATCH_BYTES`; rewritten ones in a batch of their own."""
        known = unpack(cursor)
        present = dict(self._files())
        landed = {name: known[name] for name in present if name in known}
        fresh, rewritten = self._changed(known, present, landed)
        for described, is_reread in ((fresh, False), (rewritten, True)):
            for chosen in _batches(described):
                readable = {name: k for name, k in chosen.items() if self._is_readable(name, present[name])}
                if readable:
                    self._offered = {name: present[name] for name in readable}
                    self._described = readable
                    reading = self._reading(connection, [present[name] for name in readable])
                    return Delivery(
                        query=reading.query,
                        columns=reading.columns,
                        cursor=pack(landed | readable),
                        is_reread=is_reread,
                        refused=reading.refused,
                        locate=reading.locate,
                        has_more=True,
                    )
        return None

    def troubles(self) -> list[Trouble]:
        """Files that were left where they are, and why."""
        return list(self._left_out.values())

    def leave_out(self, source_file: str, trouble: Trouble) -> bool:
        """Offer a file no more in this run; it stays where it is and is tried again in the next one."""
        self._left_out[source_file] = trouble
        return True

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Read each file of the last delivery alone, and leave out those that DuckDB cannot read."""
        before = len(self._left_out)
        for name, path in self._offered.items():
            try:
                reading = self._reading(connection, [path])
                connection.execute(f"select count(columns(*)) from ({reading.query})").fetchall()
            except duckdb.Error as error:
                place = f"{self.entity.source}/{self.entity.name}, file {name}"
                message = f"cannot be read as {self.format} ({type(error).__name__})"
                self.leave_out(name, Trouble(place, message, "deliver the file again, whole and in UTF-8"))
        return len(self._left_out) > before

    def leave_out_changed(self) -> bool:
        """Leave out the files of the last delivery that were written while they were read: they are not whole yet."""
        before = len(self._left_out)
        for name, path in self._offered.items():
            if not (path.exists() and self._described[name].looks_like(path)):
                place = f"{self.entity.source}/{self.entity.name}, file {name}"
                cure = "write it under a temporary name and rename it when it is whole; it is read in the next run"
                self.leave_out(name, Trouble(place, "was written while it was read", cure))
        return len(self._left_out) > before

    def close(self) -> None:
        """Nothing is held open."""

    def _files(self) -> Iterable[tuple[str, Path]]:
        if not self.root.is_dir():
            raise UnreachableError(
                f"{self.entity.source}: the drop folder {self.root} is not there",
                cure="make the sandbox (`lake sandbox create`), or set LAKE_SOURCE_ROOT to the folder of the sources",
            )
        pattern = PurePosixPath(self.entity.physical_name)
        found = sorted((self.root / pattern.parent).glob(pattern.name))
        return [
            (str(path.relative_to(self.root)), path)
            for path in found
            if path.is_file() and not any(fnmatch.fnmatch(path.name, temporary) for temporary in TEMPORARY)
        ]

    def _changed(
        self, known: Mapping[str, Known], present: Mapping[str, Path], landed: dict[str, Known]
    ) -> tuple[dict[str, Known], dict[str, Known]]:
        """New files and rewritten ones; files only touched or renamed go to `landed` as they are now."""
        vanished = {k.content for name, k in known.items() if name not in present}
        fresh: dict[str, Known] = {}
        rewritten: dict[str, Known] = {}
        for name, path in present.items():
            if name in self._left_out or (name in known and known[name].looks_like(path)):
                continue
            now = describe(path)
            if name in known:
                (landed if known[name].content == now.content else rewritten)[name] = now
            else:
                (landed if now.content in vanished else fresh)[name] = now
        return fresh, rewritten

    def _is_readable(self, name: str, path: Path) -> bool:
        place = f"{self.entity.source}/{self.entity.name}, file {name}"
        try:
            formats.verify(path)
            names = formats.columns(path, self.format, self.delimiter)
            if names:
                drift.require_columns(self.entity, names)
        except (UnreadableFileError, DriftError) as error:
            state = "blocked" if isinstance(error, DriftError) else "failed"
            return not self.leave_out(name, Trouble(place, str(error.args[0]), error.cure, state))
        except OSError as error:
            cure = "make the file readable for the lake"
            return not self.leave_out(name, Trouble(place, error.strerror or str(error), cure))
        return True

    def _reading(self, connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> Reading:
        if self.format == "csv":
            return formats.csv_files(paths, self.root, self.delimiter)
        if self.format == "parquet":
            return formats.parquet(connection, paths, self.root)
        return formats.json_lines(paths, self.root)


def describe(path: Path) -> Known:
    """Size, time of change and content of a file as it is now."""
    stat = path.stat()
    with path.open("rb") as file:
        content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    return Known(stat.st_size, stat.st_mtime_ns, content)


def pack(files: Mapping[str, Known]) -> dict[str, Any]:
    """The cursor of a drop folder."""
    return {"files": {name: [k.size, k.changed_ns, k.content] for name, k in sorted(files.items())}}


def unpack(cursor: Cursor | None) -> dict[str, Known]:
    """The files a cursor holds."""
    return {name: Known(*values) for name, values in (cursor or {}).get("files", {}).items()}


def _batches(files: Mapping[str, Known]) -> Iterable[dict[str, Known]]:
    batch: dict[str, Known] = {}
    size = 0
    for name, known in files.items():
        if batch and size + known.size > BATCH_BYTES:
            yield batch
            batch, size = {}, 0
        batch[name] = known
        size += known.size
    if batch:
        yield batch

"""The files of a drop folder: which there are, what each is called, and what it looks like from outside.

Nothing is read here. Files are found below the source's folder by the contract's pattern (`sales/*.csv`,
`year=*/month=*/*.parquet`, `**/*.jsonl`); a link that leads out of that folder is not followed but reported.
"""

import fnmatch
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from ingestion.connectors.base import UnreachableError

#: Names of what is still being written, or belongs to whoever writes.
TEMPORARY = (".*", "_*", "*~", "*.tmp", "*.part", "*.partial", "*.crdownload", "*.inprogress", "*.filepart")


class DropFile(Protocol):
    """A file somebody delivered, wherever it lies."""

    @property
    def name(self) -> str:
        """What the lake calls it: its path below the source, readable whatever bytes it is made of."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def stamp(self) -> str:
        """Changes whenever the content may have changed."""

    @property
    def location(self) -> str:
        """Where DuckDB reads it."""

    def open(self) -> BinaryIO:
        """Its bytes."""


class Folder(Protocol):
    """Where files are dropped."""

    def files(self) -> tuple[dict[str, DropFile], dict[str, str]]:
        """The files there are by name, and what else has a fitting name and is no file: name and what is wrong.

        Raises:
            UnreachableError: the folder cannot be looked at.
        """

    def look(self, file: DropFile) -> DropFile | None:
        """The file as it is now, None where it is gone."""


@dataclass(frozen=True)
class LocalFile:
    """A file in a local folder. Its time of status change reveals a rewrite that kept size and time of change."""

    name: str
    path: Path
    size: int
    stamp: str

    @property
    def location(self) -> str:
        """Where DuckDB reads it; no text where the name is none."""
        return str(self.path)

    def open(self) -> BinaryIO:
        """Its bytes."""
        return self.path.open("rb")


class LocalFolder:
    """A source's folder and the pattern of one entity's files below it."""

    def __init__(self, source: str, root: Path, pattern: str) -> None:
        self.source = source
        self.root = root
        self.parts = PurePosixPath(pattern).parts

    def files(self) -> tuple[dict[str, DropFile], dict[str, str]]:
        """See `Folder.files`; sorted by name."""
        if not self.root.is_dir():
            raise UnreachableError(
                f"{self.source}: the drop folder {self.root} is not there",
                cure="make the sandbox (`lake sandbox create`), or set LAKE_SOURCE_ROOT to the folder of the sources",
            )
        wrong: dict[str, str] = {}
        files: dict[str, DropFile] = {file.name: file for file in self._below(self.root, self.parts, wrong)}
        return dict(sorted(files.items())), wrong

    def look(self, file: DropFile) -> DropFile | None:
        """See `Folder.look`."""
        return self._described(Path(file.location))

    def _below(self, folder: Path, parts: tuple[str, ...], wrong: dict[str, str]) -> Iterator[LocalFile]:
        """Files that fit the rest of a pattern below a folder."""
        first, rest = parts[0], parts[1:]
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        except OSError as error:
            wrong[self._name(folder)] = f"cannot be looked into ({error.strerror})"
            return
        for entry in entries:
            path = Path(entry.path)
            if any(fnmatch.fnmatchcase(entry.name, temporary) for temporary in TEMPORARY):
                continue
            if not (entry.is_dir() if first == "**" else fnmatch.fnmatchcase(entry.name, first)):
                continue
            if entry.is_symlink() and not path.resolve().is_relative_to(self.root.resolve()):
                wrong[self._name(path)] = "is a link that leads out of the source's folder, and is not followed"
            elif first == "**":
                if not entry.is_symlink():  # a link within the folder may lead round and round
                    yield from self._below(path, parts, wrong)
            elif rest:
                if entry.is_dir():
                    yield from self._below(path, rest, wrong)
            elif entry.is_file():
                if file := self._described(path):
                    yield file
            elif problem := _problem(path):
                wrong[self._name(path)] = problem
        if first == "**" and rest:
            yield from self._below(folder, rest, wrong)

    def _described(self, path: Path) -> LocalFile | None:
        try:
            stat = path.stat()
        except FileNotFoundError:  # somebody took it away meanwhile
            return None
        return LocalFile(self._name(path), path=path, size=stat.st_size, stamp=f"{stat.st_mtime_ns}/{stat.st_ctime_ns}")

    def _name(self, path: Path) -> str:
        return readable_name(path.relative_to(self.root))


def readable_name(path: Path) -> str:
    """A path as text: what is no text or cannot be printed is escaped, and then every backslash is too."""
    text = str(path)
    if text.isprintable() and "\\" not in text:
        return text
    doubled = os.fsencode(path).replace(b"\\", b"\\\\").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in doubled)


def _problem(path: Path) -> str | None:
    """Why a path with a fitting name is no file to be read; None where it is gone."""
    if path.is_dir():
        return "is a folder, not a file"
    if path.exists():
        return "is no plain file"
    return "is a link that leads nowhere" if path.is_symlink() else None

"""Drops in S3: the objects below a prefix, read by the same code as files on a disk.

An object is known by its ETag and fetched into a bounded spool on this machine when it has to be read; what is
fetched is that very version or an error. An object that is still being uploaded is not there yet; temporary names are
left alone all the same, for those who rename by copying.
"""

import fnmatch
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from ingestion.connectors.base import UnreachableError
from ingestion.connectors.drops.folder import TEMPORARY, DropFile, readable_name
from lake.s3 import objects
from lake.s3.access import Access
from lake.s3.objects import BucketError, StoredObject
from lake.temporary_folders import temporary_folder

#: Bytes that the spool may hold; four batches. A single larger object is fetched all the same, alone.
SPOOL_BYTES = 2 << 30


@dataclass(frozen=True)
class S3File:
    """One object of a drop."""

    name: str
    stored: StoredObject
    spool: "Spool"

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stored.size

    @property
    def stamp(self) -> str:
        """Its ETag."""
        return self.stored.etag

    @property
    def location(self) -> str:
        """Where DuckDB reads it: fetched."""
        return str(self.spool.path(self.stored))

    def open(self) -> BinaryIO:
        """Its bytes: fetched."""
        return self.spool.path(self.stored).open("rb")


class Spool:
    """Objects fetched to this machine; those not asked for longest go first."""

    def __init__(self, access: Access, bucket: str) -> None:
        self.access = access
        self.bucket = bucket
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._held: OrderedDict[StoredObject, Path] = OrderedDict()
        self._fetched = 0

    def path(self, wanted: StoredObject) -> Path:
        """The file that holds an object.

        Raises:
            OSError: it cannot be fetched as it was listed.
        """
        if wanted not in self._held:
            if self._folder is None:
                self._folder = temporary_folder("spool")
            while self._held and sum(copy.size for copy in self._held) + wanted.size > SPOOL_BYTES:
                self._held.popitem(last=False)[1].unlink()
            self._fetched += 1
            path = Path(self._folder.name, str(self._fetched))
            try:
                objects.fetch(self.access, bucket=self.bucket, wanted=wanted, target=path)
            except BucketError as error:
                if error.status in (objects.PRECONDITION_FAILED, objects.NOT_FOUND):
                    raise OSError("was replaced or removed while it was fetched; it is read in the next run") from None
                raise
            self._held[wanted] = path
        self._held.move_to_end(wanted)
        return self._held[wanted]


class S3Folder:
    """A source's place in S3 (`s3://bucket/prefix`) and the pattern of one entity's objects below it."""

    def __init__(self, source: str, *, url: str, pattern: str, access: Access) -> None:
        self.source = source
        parts = urlsplit(url)
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/") + "/" if parts.path.strip("/") else ""
        self.parts = pattern.split("/")
        self.access = access
        self.spool = Spool(access, self.bucket)

    def files(self) -> tuple[dict[str, DropFile], dict[str, str]]:
        """See `Folder.files`; sorted by name."""
        fixed = self.prefix + "/".join(self.parts).partition("*")[0].partition("?")[0].partition("[")[0]
        files: dict[str, DropFile] = {}
        wrong: dict[str, str] = {}
        try:
            for stored in objects.list_objects(self.access, self.bucket, fixed):
                parts = stored.key.removeprefix(self.prefix).split("/")
                if parts[-1] and _fits(parts, self.parts):
                    name = readable_name(Path(*parts))
                    if any(part in ("", ".", "..") for part in parts):
                        wrong[name] = "has a name that is no path"
                    else:
                        files[name] = S3File(name, stored, self.spool)
        except BucketError as error:
            raise UnreachableError(
                f"{self.source}: the bucket {self.bucket} cannot be listed: {error}",
                cure="see that the bucket is there, and that the lake's keys may list and read it",
            ) from None
        return dict(sorted(files.items())), wrong

    def look(self, file: DropFile) -> DropFile | None:
        """See `Folder.look`."""
        assert isinstance(file, S3File)
        stored = objects.look_at(self.access, self.bucket, file.stored.key)
        return None if stored is None else S3File(file.name, stored, self.spool)


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a pattern (`**`: any folders, or none), and no part of it is temporary."""
    if not parts or not pattern:
        return not parts and not pattern
    if any(fnmatch.fnmatchcase(parts[0], temporary) for temporary in TEMPORARY):
        return False
    if pattern[0] == "**":
        return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])

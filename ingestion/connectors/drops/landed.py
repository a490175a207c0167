"""Which files have landed: the cursor of a drop folder, 24 letters per file that is still there.

It rides in every commit (ADR 3), so it has to be small: with names and hashes in full, 10,000 files made it 800 KB.
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingestion.connectors.base import Cursor
from ingestion.connectors.drops.folder import DropFile

_KEY, _LOOK, _CONTENT = 6, 4, 8
_ENTRY = _KEY + _LOOK + _CONTENT


@dataclass(frozen=True)
class Known:
    """What is kept of a landed file: how it looks from outside, and what is in it."""

    look: bytes
    content: bytes


class Landed:
    """The landed files of a folder."""

    def __init__(self, entries: Mapping[bytes, Known] | None = None) -> None:
        self._entries = dict(entries or {})

    @classmethod
    def unpack(cls, cursor: Cursor | None) -> "Landed":
        """What a cursor holds; empty where there is none."""
        files = (cursor or {}).get("files", "")
        if isinstance(files, dict):  # as kept before: by name, with size, time of change and content
            return cls({_key(name): Known(bytes(_LOOK), bytes.fromhex(v[2])) for name, v in files.items()})
        packed = b64decode(files)
        entries = (packed[at : at + _ENTRY] for at in range(0, len(packed), _ENTRY))
        return cls({e[:_KEY]: Known(e[_KEY : _KEY + _LOOK], e[_KEY + _LOOK :]) for e in entries})

    def pack(self) -> dict[str, Any]:
        """The cursor."""
        packed = b"".join(key + entry.look + entry.content for key, entry in sorted(self._entries.items()))
        return {"files": b64encode(packed).decode()}

    def get(self, file: DropFile) -> Known | None:
        """What is known of the file of this name."""
        return self._entries.get(_key(file.name))

    def looks_known(self, file: DropFile) -> bool:
        """Whether a file looks as it did when it landed; the cheap check."""
        entry = self.get(file)
        return entry is not None and entry.look == _look(file)

    def contents_but(self, files: Mapping[str, DropFile]) -> set[bytes]:
        """Contents of landed files that are there no more under their name."""
        keys = {_key(name) for name in files}
        return {entry.content for key, entry in self._entries.items() if key not in keys}

    def lacks(self, files: Mapping[str, DropFile]) -> bool:
        """Whether one of these files is not known by its name."""
        return any(_key(name) not in self._entries for name in files)

    def only(self, files: Mapping[str, DropFile]) -> "Landed":
        """What is known of these files."""
        keys = {_key(name) for name in files}
        return Landed({key: entry for key, entry in self._entries.items() if key in keys})

    def add(self, name: str, entry: Known) -> None:
        """Note a file as landed."""
        self._entries[_key(name)] = entry


def describe(file: DropFile) -> Known:
    """How a file looks, and the hash of its content: it is read once."""
    with file.open() as opened:
        content = hashlib.file_digest(opened, "sha256").digest()[:_CONTENT]  # type: ignore[arg-type]  # twice as fast as BLAKE2
    return Known(_look(file), content)


def _key(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_KEY).digest()


def _look(file: DropFile) -> bytes:
    return hashlib.blake2b(f"{file.size}/{file.stamp}".encode(), digest_size=_LOOK).digest()

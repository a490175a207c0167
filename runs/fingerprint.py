"""What the code that decides the tables' content looks like, part by part, and which work an edited part asks for.

A part is the contract of one source, one suite file, or a whole room. The ledger keeps the fingerprint of every run, so
that an edit is attributed to its part: an edited suite file checks its tables again and builds nothing. What cannot be
attributed asks for everything.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.contract_file import sources_root
from contracts.settings import PROJECT_ROOT

#: Rooms of one part each. `contracts` holds rules that every other room reads.
ROOMS = ("contracts", "dbt_project", "identity", "features", "expectations")
_SOURCE, _SUITE = "source:", "suite:"
#: The folder of suite files, and the name of a file that speaks of every table below its folder.
_SUITES, _EACH = "suites", "_each"
_KINDS = {".sql", ".yml", ".yaml", ".py", ".csv"}
_GENERATED = {"target", "logs", "dbt_packages", "__pycache__"}

#: Part -> hash of its files: `source:crm`, `suite:marts/person_profile`, `identity`.
Fingerprint = dict[str, str]


@dataclass(frozen=True)
class Edits:
    """Which parts were edited between two runs, and what is to be done for it.

    Attributes:
        everything: an edit that bears on every step, or one that cannot be attributed.
        rooms: edited rooms of `ROOMS`.
        sources: sources whose contract was edited.
        suites: edited suite files, as paths below `expectations/suites` without their ending.
    """

    everything: bool = False
    rooms: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    suites: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.rooms or self.sources or self.suites)

    @property
    def models(self) -> bool:
        """Whether every dbt model has to be built again."""
        return self.everything or "dbt_project" in self.rooms

    @property
    def features(self) -> bool:
        """Whether the feature tables have to be built again."""
        return self.models or "features" in self.rooms

    @property
    def identity(self) -> bool:
        """Whether every record has to be resolved again."""
        return self.everything or "identity" in self.rooms

    def is_contract_edited(self, table: str) -> bool:
        """Whether a table of bronze or quarantine belongs to a source whose contract was edited."""
        zone, _, rest = table.partition("/")
        return zone in ("bronze", "quarantine") and rest.partition("/")[0] in self.sources

    def is_suite_edited(self, table: str) -> bool:
        """Whether the checks of a table have to run again though its rows are the same."""
        if self.everything or "expectations" in self.rooms or self.is_contract_edited(table):
            return True
        folders = [table.rsplit("/", depth)[0] for depth in range(1, table.count("/") + 1)]
        return bool(self.suites & {table, _EACH, *(f"{folder}/{_EACH}" for folder in folders)})

    def in_words(self) -> str:
        """What was edited, for the reader; empty where nothing was."""
        names = [*sorted(self.rooms), *(f"contract of {source}" for source in sorted(self.sources))]
        names += [f"suite {suite}" for suite in sorted(self.suites)]
        if names:
            return f"edited: {', '.join(names)}"
        return "models, contracts or rules were edited" if self.everything else ""


def fingerprint(root: Path = PROJECT_ROOT) -> Fingerprint:
    """The hash of every part in the repository that decides what the tables hold (some 300 small files, 20 ms)."""
    parts: dict[str, hashlib._Hash] = {}
    for part, name, path in _files(root):
        digest = parts.setdefault(part, hashlib.sha256())
        digest.update(name.encode())
        digest.update(path.read_bytes())
    return {part: digest.hexdigest()[:16] for part, digest in sorted(parts.items())}


def find_edits(before: str | None, now: Fingerprint) -> Edits:
    """Compare the fingerprint that a run recorded with the present one.

    Args:
        before: as `as_text` wrote it; a text of another form (an older lake's), or None, cannot be attributed.
    """
    recorded = _from_text(before)
    if recorded is None:
        return Edits(everything=True)
    edited = {part for part in recorded.keys() | now.keys() if recorded.get(part) != now.get(part)}
    sources = frozenset(part.removeprefix(_SOURCE) for part in edited if part.startswith(_SOURCE))
    suites = frozenset(part.removeprefix(_SUITE) for part in edited if part.startswith(_SUITE))
    rooms = frozenset(part for part in edited if not part.startswith((_SOURCE, _SUITE)))
    # A source that came or went changes which models there are, and `contracts` is read by every room.
    is_new_source = any((_SOURCE + source in recorded) != (_SOURCE + source in now) for source in sources)
    is_attributed = rooms <= set(ROOMS) - {"contracts"} and not is_new_source
    return Edits(everything=not is_attributed, rooms=rooms, sources=sources, suites=suites)


def as_text(parts: Fingerprint) -> str:
    """One text for the ledger."""
    return json.dumps(parts, sort_keys=True)


def manifest_digest(parts: Fingerprint) -> str:
    """A hash of the parts that dbt's manifest is made of: all but identity, checks and suites."""
    wanted = {
        part: digest
        for part, digest in parts.items()
        if part not in ("identity", "expectations") and not part.startswith(_SUITE)
    }
    return hashlib.sha256(as_text(wanted).encode()).hexdigest()[:16]


def _files(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Part, name and path of every file that counts, in a fixed order."""
    for path, inside in _walk(sources_root()):
        yield (_SOURCE + inside.parts[0] if len(inside.parts) > 1 else "sources"), inside.as_posix(), path
    for room in ROOMS:
        for path, inside in _walk(root / room):
            is_suite = room == "expectations" and inside.parts[0] == _SUITES and path.suffix == ".yaml"
            suite = inside.relative_to(_SUITES).with_suffix("").as_posix() if is_suite else ""
            yield (_SUITE + suite if is_suite else room), inside.as_posix(), path


def _walk(folder: Path) -> Iterable[tuple[Path, Path]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix in _KINDS and not _GENERATED & set(inside.parts) and path.is_file():
            yield path, inside


def _from_text(text: str | None) -> Fingerprint | None:
    try:
        parts = json.loads(text or "null")
    except ValueError:
        return None
    return parts if isinstance(parts, dict) else None

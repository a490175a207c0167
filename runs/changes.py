"""What changed since the last complete run: sources, tables, the day, the code. The reason why an idle run is quick.

Imports neither dagster, dbt, Great Expectations nor Feast, and must not: `lake run` asks here first, and most runs of
a lake end with the answer "nothing".
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from contracts.contract_file import sources_root
from contracts.settings import PROJECT_ROOT
from lake.clock import today
from lake.tables import list_tables, table_version
from runs.ledger import Run, last_complete_run, last_run

#: Rooms whose text decides what the tables hold, beside the contracts.
_RULES = ("dbt_project", "identity", "expectations", "features")
_KINDS = {".sql", ".yml", ".yaml", ".py", ".csv"}
_GENERATED = {"target", "logs", "dbt_packages", "__pycache__"}


@dataclass(frozen=True)
class Changes:
    """What a run has to do, and why.

    Attributes:
        sources: sources that have something new, or cannot be asked (the run will say why).
        baseline: the run that all is compared with; None where there was no complete run.
        tables: tables whose version is another one than after the baseline.
        is_new_day: the lake's day moved, so windows of features did.
        is_new_code: models, contracts, suites or rules were edited.
        is_resumed: the last run failed, and its work is taken up again.
    """

    sources: tuple[str, ...]
    baseline: Run | None
    tables: frozenset[str]
    is_new_day: bool
    is_new_code: bool
    is_resumed: bool

    @property
    def nothing(self) -> bool:
        """Whether a run would do nothing."""
        return self.baseline is not None and not self.reasons()

    @property
    def everything(self) -> bool:
        """Whether every model has to be built again, whatever its inputs."""
        return self.baseline is None or self.is_new_code

    def reasons(self) -> list[str]:
        """Why there is something to do, in words."""
        said = []
        if self.baseline is None:
            said.append("first run")
        if self.is_resumed:
            said.append("the last run failed: taking up its work")
        if self.sources:
            said.append(f"new in {', '.join(self.sources)}")
        if self.is_new_day and self.baseline:
            said.append(f"a new day: {today()}")
        if self.is_new_code and self.baseline:
            said.append("models, contracts or rules were edited")
        if self.tables and self.baseline and not self.sources:
            said.append(f"{len(self.tables)} tables changed outside a run")
        return said


def find_changes(sources: Iterable[str]) -> Changes:
    """Compare where the sources and tables stand with the last complete run."""
    return compare(with_run=last_complete_run(), new_sources=tuple(s for s in sources if _has_new(s)))


def compare(*, with_run: Run | None, new_sources: tuple[str, ...] = ()) -> Changes:
    """What changed in the lake itself since a run (all of it, where there was none)."""
    newest = last_run()
    versions = table_versions()
    before = with_run.versions if with_run else {}
    return Changes(
        sources=new_sources,
        baseline=with_run,
        tables=frozenset(n for n in versions.keys() | before.keys() if before.get(n) != versions.get(n)),
        is_new_day=with_run is None or with_run.clock_day != today(),
        is_new_code=with_run is None or with_run.code != code_fingerprint(),
        is_resumed=newest is not None and newest.state == "failed",
    )


def table_versions() -> dict[str, int]:
    """Newest version of every table outside `ops/`, which only tells of runs."""
    versions = {name: table_version(name) for name in list_tables() if not name.startswith("ops/")}
    return {name: version for name, version in versions.items() if version is not None}


def code_fingerprint(root: Path = PROJECT_ROOT) -> str:
    """A hash of everything in the repository that decides what the tables hold (some 300 small files, 20 ms)."""
    digest = hashlib.sha256()
    for folder in [sources_root(), *(root / room for room in _RULES)]:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.suffix in _KINDS and not _GENERATED & set(inside.parts) and path.is_file():
                digest.update(f"{folder.name}/{inside}".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _has_new(source: str) -> bool:
    from ingestion.landing.land import has_new

    try:
        return has_new(source)
    except Exception:  # whatever is wrong with it is the run's affair: landing says why, and the cure
        return True

"""What changed since the last complete run: sources, tables, the day, the code. The reason why an idle run is quick.

Imports neither dagster, dbt, Great Expectations nor Feast, and must not: `lake run` asks here first, and most runs of
a lake end with the answer "nothing".
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.wording import many
from lake.clock import today
from lake.tables import list_tables, table_version
from runs.fingerprint import Edits, find_edits, fingerprint
from runs.ledger import Run, last_complete_run, last_run


@dataclass(frozen=True)
class Changes:
    """What a run has to do, and why.

    Attributes:
        sources: sources that have something new, or cannot be asked (the run will report why).
        baseline: the run that all is compared with; None where there was no complete run.
        tables: tables whose version is another one than after the baseline.
        is_new_day: the lake's day moved, so windows of features did.
        edits: models, contracts, suites or rules that were edited; everything, where there is no baseline.
        is_resumed: the last run failed, and its work is taken up again.
    """

    sources: tuple[str, ...]
    baseline: Run | None
    tables: frozenset[str]
    is_new_day: bool
    edits: Edits
    is_resumed: bool

    @property
    def nothing(self) -> bool:
        """Whether a run would do nothing."""
        return self.baseline is not None and not self.reasons()

    def is_stale(self, table: str) -> bool:
        """Whether what reads a table has to be made again: it has another version, or another contract."""
        return table in self.tables or self.edits.is_contract_edited(table)

    def needs_checks(self, table: str) -> bool:
        """Whether the checks of a table have to run: its rows, the day (freshness is checked too) or its suite changed.

        After an edit of the models every table is checked again, whether its rows changed or not.
        """
        return self.is_new_day or self.edits.models or table in self.tables or self.edits.is_suite_edited(table)

    def reasons(self) -> list[str]:
        """Why there is something to do, in words."""
        reasons = []
        if self.baseline is None:
            reasons.append("first run")
        if self.is_resumed:
            reasons.append("the last run failed: taking up its work")
        if self.sources:
            reasons.append(f"new in {', '.join(self.sources)}")
        if self.is_new_day and self.baseline:
            reasons.append(f"a new day: {today()}")
        if self.edits and self.baseline:
            reasons.append(self.edits.in_words())
        if self.tables and self.baseline and not self.sources:
            reasons.append(f"{many(len(self.tables), 'table')} changed outside a run")
        return reasons


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
        edits=find_edits(with_run.code if with_run else None, fingerprint()),
        is_resumed=newest is not None and newest.state == "failed",
    )


def table_versions() -> dict[str, int]:
    """Newest version of every table outside `ops/`, which only reports on runs."""
    versions = {name: table_version(name) for name in list_tables() if not name.startswith("ops/")}
    return {name: version for name, version in versions.items() if version is not None}


def _has_new(source: str) -> bool:
    from ingestion.landing.land import has_new

    try:
        return has_new(source)
    except Exception:  # whatever is wrong with it is the run's affair: landing reports the reason and the cure
        return True

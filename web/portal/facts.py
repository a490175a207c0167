"""What the quality portal shows, as plain facts: counts, states, owners. Nothing of any row's content.

Pure data and what follows from it. `gather` reads the facts, `render` draws them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from contracts.catalogue.zones import OPEN_ZONES
from contracts.contract_file import Contract, Entity
from expectations.check import CheckResult
from ingestion.quarantine.records import RejectedCount
from web.portal.link_quality import Linkage


@dataclass(frozen=True)
class Past:
    """One earlier outcome of a check."""

    checked_at: datetime
    passed: bool
    measured: float | None


@dataclass(frozen=True)
class CheckFacts:
    """A check's newest result, its past (oldest first) and since when it has failed without a break."""

    result: CheckResult
    past: tuple[Past, ...]
    failing_since: datetime | None


@dataclass(frozen=True)
class TableFacts:
    """A table, who answers for it, and its checks, failing first."""

    name: str
    zone: str
    rows: int
    owner: str
    steward: str
    description: str
    checks: tuple[CheckFacts, ...]

    @property
    def state(self) -> str:
        """blocked, warned, passed or unchecked."""
        return worst(c.result for c in self.checks)


@dataclass(frozen=True)
class Problem:
    """A check that failed, and every table of one group in which it did."""

    places: tuple[tuple[TableFacts, CheckFacts], ...]

    @property
    def table(self) -> TableFacts:
        """The first of its tables."""
        return self.places[0][0]

    @property
    def check(self) -> CheckFacts:
        """The check in the first of its tables."""
        return self.places[0][1]

    @property
    def is_blocking(self) -> bool:
        """Whether it stops publication."""
        return self.check.result.is_blocking

    @property
    def is_one_fact(self) -> bool:
        """Whether all places found the same."""
        return len({check.result.observed for _, check in self.places}) == 1


@dataclass(frozen=True)
class Day:
    """Rows that a source made available on a day, `place` days after the first shown.

    `is_unusual`: an entity of it was far from its habit.
    """

    place: int
    day: date
    rows: int
    is_unusual: bool


@dataclass(frozen=True)
class SourceFacts:
    """A source as a whole. Counts are None where landing has counted nothing."""

    contract: Contract
    age: timedelta | None
    received: int | None
    landed: int
    quarantined: int
    duplicates: int | None
    days: tuple[Day, ...]
    results: tuple[CheckResult, ...]

    @property
    def state(self) -> str:
        """The worst of its checks; blocked too where records are unaccounted for."""
        return "blocked" if self.reconciles is False else worst(self.results)

    @property
    def is_fresh(self) -> bool:
        """Whether the newest row is within the agreed age."""
        return self.age is not None and self.age <= self.contract.freshness

    @property
    def unaccounted(self) -> int | None:
        """Records received that are neither landed, quarantined nor duplicates; None where landing has counted none."""
        if self.received is None or self.duplicates is None:
            return None
        return abs(self.received - self.landed - self.quarantined - self.duplicates)

    @property
    def reconciles(self) -> bool | None:
        """Whether received = landed + quarantined + duplicates; None where landing has counted nothing."""
        return None if self.unaccounted is None else self.unaccounted == 0


@dataclass(frozen=True)
class Page:
    """Everything the portal shows."""

    now: datetime
    checked_at: datetime | None
    tables: tuple[TableFacts, ...]
    sources: tuple[SourceFacts, ...]
    rejected: tuple[RejectedCount, ...]
    entities: tuple[Entity, ...] = field(default=())
    linkage: Linkage | None = None

    @property
    def results(self) -> list[CheckResult]:
        """All newest results."""
        return [c.result for table in self.tables for c in table.checks]

    @property
    def state(self) -> str:
        """The worst state of any check or source."""
        return "blocked" if any(s.state == "blocked" for s in self.sources) else worst(self.results)

    @property
    def balances(self) -> list[tuple[TableFacts, CheckFacts]]:
        """The checks that compare two numbers."""
        return [(table, c) for table in self.tables for c in table.checks if c.result.scope == "balance"]

    @property
    def problems(self) -> list[Problem]:
        """What needs somebody, blocking first; what failed in several tables of a source alike is one problem."""
        groups: dict[tuple[str, ...], list[tuple[TableFacts, CheckFacts]]] = {}
        for table in self.tables:
            for check in table.checks:
                r = check.result
                if not r.passed:
                    group = table.name.rpartition("/")[0]
                    groups.setdefault((group, r.column or "", r.name, r.severity, r.cure), []).append((table, check))
        problems = [Problem(tuple(places)) for places in groups.values()]
        return sorted(problems, key=lambda p: (not p.is_blocking, p.table.name))


def worst(results: Iterable[CheckResult]) -> str:
    """The state that a set of results amounts to."""
    listed = list(results)
    if any(result.is_blocking for result in listed):
        return "blocked"
    if any(not result.passed for result in listed):
        return "warned"
    return "passed" if listed else "unchecked"


def is_open(zone: str) -> bool:
    """Whether a zone may be read by modellers (ADR 9)."""
    return zone in OPEN_ZONES

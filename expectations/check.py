"""What a check is and what comes of one. Pure data: nothing here reads a table or imports Great Expectations.

A check measures one number in SQL (rows that break a rule, hours since the last row) and compares it with bounds.
Because a result can only be a number, no value of any row can reach a result, a log or the portal (ADR 9).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["warn", "block"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Check:
    """One rule about a table.

    Attributes:
        name: the rule as a phrase in snake_case, unique within its table and column: `is_never_empty`.
        measure: an SQL expression over the table giving one number: an aggregate, or a scalar subquery. Other tables
            are named in double quotes: `"identity/person_links"`.
        minimum, maximum: inclusive bounds of the measure; None is unbounded.
        unit: what is counted (`rows`, `hours`), for the reader.
        severity: `block` stops what depends on the table; `warn` is reported.
        column: the column it is about, where it is about one.
        expected: the rule in words, for the reader.
        cure: what to do when it fails, in the imperative.
        scope: `source` where every table of a source shows the same fact (a silent source), `balance` where two
            numbers of different tables have to agree, else `table`.
        expectation: a stock Great Expectations type used instead of `measure`, with its arguments.
    """

    name: str
    expected: str
    cure: str
    measure: str = ""
    minimum: float | None = None
    maximum: float | None = 0
    unit: str = "rows"
    severity: Severity = "block"
    column: str | None = None
    scope: Literal["table", "source", "balance"] = "table"
    expectation: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What came of one check. `observed` is a number in words, never a value of a row.

    Attributes:
        layer: the zone of the table: bronze, identity, marts, features, ops.
        measured: the number behind `observed`; None where the check could not be evaluated.
    """

    layer: str
    table: str
    column: str | None
    name: str
    severity: Severity
    passed: bool
    observed: str
    expected: str
    message: str
    cure: str
    unit: str = "rows"
    scope: str = "table"
    measured: float | None = None

    @property
    def is_blocking(self) -> bool:
        """Whether what depends on the table has to stop."""
        return not self.passed and self.severity == "block"


def blocking_failures(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The results that must stop what depends on their tables."""
    return [result for result in results if result.is_blocking]


def failing_first(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Ordered for a reader: blocking failures, warnings, then what passed; by table within each."""
    return sorted(results, key=lambda r: (r.passed, r.severity != "block", r.table, r.column or "", r.name))

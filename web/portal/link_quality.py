"""What the quality portal says of the links between records: their figures on people's labels, run by run.

Reads `ops/identity_quality`, which the identity step writes: counts and shares, of nobody in particular.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from contracts.catalogue.tables import IDENTITY_QUALITY
from contracts.settings import load_settings
from lake.sql.scratch import Computation, ScratchTable
from lake.tables import scan, table_exists

RUNS_SHOWN = 30

_FIGURES = {
    "labelled_pairs": "BIGINT",
    **dict.fromkeys(("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high"), "DOUBLE"),
}
#: The figures of all runs; `age` 1 is the newest run.
_MEASURED = ScratchTable(
    "measured",
    {
        **_FIGURES, "ran_at": "TIMESTAMP WITH TIME ZONE", "state": "VARCHAR", "persons": "BIGINT",
        "open_reviews": "BIGINT", "group_name": "VARCHAR", "group_value": "VARCHAR", "age": "BIGINT",
    },
)  # fmt: skip
_READ_MEASURED = Computation("read how good the links were", inner=(_MEASURED,))


@dataclass(frozen=True)
class Measured:
    """Figures of the matcher on labelled pairs, with 95 % intervals; None where no pair tells them."""

    labelled_pairs: int
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None


@dataclass(frozen=True)
class LinkageRun(Measured):
    """The figures of one run."""

    ran_at: datetime
    state: str
    persons: int
    open_reviews: int


@dataclass(frozen=True)
class LinkageGroup(Measured):
    """The figures of one group of people in the newest run."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Linkage:
    """Everything the portal shows of the links; `runs` oldest first, at least one."""

    agreed: float
    least_labels: int
    runs: tuple[LinkageRun, ...]
    groups: tuple[LinkageGroup, ...]

    @property
    def newest(self) -> LinkageRun:
        """The newest run that resolved."""
        return self.runs[-1]

    @property
    def state(self) -> str:
        """blocked; unchecked where too few labels tell; warned where a run was let through below what is agreed."""
        newest = self.newest
        if newest.state == "blocked":
            return "blocked"
        if newest.precision is None or newest.labelled_pairs < self.least_labels:
            return "unchecked"
        return "passed" if newest.precision >= self.agreed else "warned"

    @property
    def axis(self) -> float:
        """Where the chart's axis begins: below every interval and the agreed precision."""
        lows = [run.precision_low for run in self.runs if run.precision_low is not None]
        return min([*lows, self.agreed, 0.95])


def measure_linkage(connection: duckdb.DuckDBPyConnection) -> Linkage | None:
    """The figures of the newest runs; None where no run has measured any."""
    if not table_exists(IDENTITY_QUALITY):
        return None
    figures = ", ".join(_FIGURES)
    with _READ_MEASURED.on(connection) as step:
        step.make(
            _MEASURED,
            f"""select {figures}, ran_at, state, persons, open_reviews, group_name, group_value,
                       dense_rank() over (order by measured_id desc) as age
                from {scan(IDENTITY_QUALITY)}""",
        )
        runs = connection.execute(
            f"""select {figures}, ran_at, state, persons, open_reviews from measured
                where group_name = 'all' and age <= {RUNS_SHOWN} order by age desc"""
        ).fetchall()
        groups = connection.execute(
            f"""select {figures}, group_name, group_value from measured
                where group_name <> 'all' and age = 1 order by group_name, group_value nulls last"""
        ).fetchall()
    settings = load_settings()
    return Linkage(
        agreed=settings.identity_precision,
        least_labels=settings.identity_least_labels,
        runs=tuple(LinkageRun(*row) for row in runs),
        groups=tuple(LinkageGroup(*row) for row in groups),
    )

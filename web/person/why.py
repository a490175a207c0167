"""Why the records of a person are one: every tie with its waterfall, and the ties as arcs next to the list of records.

The ties are worked out anew by the matcher's own model (`identity.review.explain`) when somebody asks; none of them is
kept.
"""

from dataclasses import dataclass

from identity.review.explain import Tie, ties_of
from persons.records import Record
from web.person.waterfall import Step, Waterfall, pour

MAX_OTHERS = 40
MAX_RECORDS = 80
#: Pixels: the height of a record's line, and how far the longest arc reaches out.
LINE, REACH = 30, 104


@dataclass(frozen=True)
class Explained:
    """A tie with its waterfall. `is_needed`: without it, weaker ties would have to hold the records together."""

    tie: Tie
    waterfall: Waterfall
    is_needed: bool

    @property
    def sources(self) -> list[str]:
        """The systems of the two records."""
        return [
            person_record_id.partition(":")[0]
            for person_record_id in (self.tie.person_record_id_l, self.tie.person_record_id_r)
        ]


@dataclass(frozen=True)
class Arc:
    """A tie as a curve from one record's line to another's; pixels from the top, `out` to the left."""

    begin: float
    end: float
    out: float
    wide: float
    is_needed: bool
    match_kind: str


@dataclass(frozen=True)
class Why:
    """The ties of a person, strongest first: those that hold the records together, and others.

    Attributes:
        left_out: how many more there are, weaker than all of `others`.
        records: the records in the order in which they are listed.
        arcs: the ties between them.
    """

    needed: list[Explained]
    others: list[Explained]
    left_out: int
    records: list[Record]
    arcs: list[Arc]


def read_why(person_id: str, records: dict[str, list[Record]]) -> Why:
    """The ties of a person whose records are known."""
    return explain(ties_of(person_id), [record for of_source in records.values() for record in of_source])


def explain(ties: list[Tie], records: list[Record]) -> Why:
    """Ties, strongest first, as waterfalls and arcs."""
    needed = _needed(ties)
    explained = [Explained(tie, _waterfall(tie), number in needed) for number, tie in enumerate(ties)]
    listed = records[:MAX_RECORDS]
    lines = {record.person_record_id: LINE * (number + 0.5) for number, record in enumerate(listed)}
    arcs = [_arc(one, lines, LINE * len(listed)) for one in explained if _is_listed(one.tie, lines)]
    others = [one for one in explained if not one.is_needed]
    return Why(
        needed=[one for one in explained if one.is_needed],
        others=others[:MAX_OTHERS],
        left_out=max(0, len(others) - MAX_OTHERS),
        records=listed,
        arcs=arcs,
    )


def _needed(ties: list[Tie]) -> set[int]:
    """Places of the ties of the strongest tree that holds all records together (Kruskal, 1956)."""
    above: dict[str, str] = {}

    def top(record: str) -> str:
        while above.get(record, record) != record:
            record = above[record]
        return record

    needed = set()
    for number, tie in enumerate(ties):
        left, right = top(tie.person_record_id_l), top(tie.person_record_id_r)
        if left != right:
            above[left] = right
            needed.add(number)
    return needed


def _waterfall(tie: Tie) -> Waterfall:
    compared = sorted(tie.comparisons, key=lambda comparison: -comparison.weight_bits)
    steps = [Step(c.name, c.weight_bits, level=c.level, value_l=c.value_l, value_r=c.value_r) for c in compared]
    return pour(steps, tie.match_strength)


def _is_listed(tie: Tie, lines: dict[str, float]) -> bool:
    return tie.person_record_id_l in lines and tie.person_record_id_r in lines


def _arc(one: Explained, lines: dict[str, float], height: float) -> Arc:
    begin, end = sorted((lines[one.tie.person_record_id_l], lines[one.tie.person_record_id_r]))
    out = 14 + (REACH - 14) * ((end - begin) / height) ** 0.7
    wide = 1 + min(3.0, max(0.0, one.tie.match_strength) / 15)
    return Arc(begin, end=end, out=out, wide=wide, is_needed=one.is_needed, match_kind=one.tie.match_kind)

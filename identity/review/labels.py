"""What people judged of pairs of records: `identity/person_labels`, append-only. Labels beat the matcher for ever.

A row is one judgement; the newest of a pair holds (by `number`, since the lake's clock may stand still), and
`withdrawn` takes back the one before. A judgement that contradicts others is rejected when it is given, so that the
matcher never has to choose between people. What the labels do to the links is decided in `identity.matching.resolve`.
"""

import getpass
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from contracts.catalogue.tables import PERSON_LABELS, PERSON_RECORDS
from contracts.errors import LakeError
from contracts.logical_types import TIMESTAMP
from lake import clock
from lake.sql.connections import connect
from lake.tables import scan, table_exists
from lake.writer import append, table_lock

SAME, DIFFERENT, WITHDRAWN = "same", "different", "withdrawn"
SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("person_record_id_l", pa.string()),
        ("person_record_id_r", pa.string()),
        ("label", pa.string()),
        ("labelled_at", TIMESTAMP),
        ("labelled_by", pa.string()),
        ("note", pa.string()),
    ]
)
#: What holds now, as the matcher and the gate take it.
IN_FORCE = pa.schema([("person_record_id_l", pa.string()), ("person_record_id_r", pa.string()), ("label", pa.string())])
#: Notes and names of people stay out of the statistics in the table's log.
_CONFIGURATION = {"delta.dataSkippingStatsColumns": "number,labelled_at"}


class LabelError(LakeError):
    """A judgement cannot be accepted as it was given."""

    exit_code = 2


@dataclass(frozen=True)
class Label:
    """One judgement in force; `person_record_id_l` sorts before `person_record_id_r`."""

    person_record_id_l: str
    person_record_id_r: str
    label: str
    labelled_at: datetime
    labelled_by: str
    note: str | None = None

    @property
    def pair(self) -> tuple[str, str]:
        """The ids of the two person records."""
        return self.person_record_id_l, self.person_record_id_r

    def __str__(self) -> str:
        said_by = f"({self.labelled_by}, {self.labelled_at:%Y-%m-%d})"
        return f"{self.person_record_id_l} {self.label} {self.person_record_id_r} {said_by}"


def read_labels() -> pa.Table:
    """The labels in force, `IN_FORCE`, in the order of their records; empty where nobody has judged anything."""
    rows = [(*label.pair, label.label) for label in labels_in_force()]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, pa.string()) for column in columns], schema=IN_FORCE)


def labels_in_force() -> list[Label]:
    """The newest label of each pair, withdrawn ones left out."""
    if not table_exists(PERSON_LABELS):
        return []
    with connect() as con:
        rows = con.sql(
            f"""select person_record_id_l, person_record_id_r, label, labelled_at, labelled_by, note from (
                    select *, row_number() over (
                        partition by person_record_id_l, person_record_id_r order by number desc) as age
                    from {scan(PERSON_LABELS)})
                where age = 1 and label <> '{WITHDRAWN}' order by person_record_id_l, person_record_id_r"""
        ).fetchall()
    return [Label(*row) for row in rows]


def give_label(person_record_id: str, other_record_id: str, label: str, *, note: str | None = None) -> Label | None:
    """Record that two records are the same person or different ones, or take back what was judged of them.

    Args:
        label: `same`, `different` or `withdrawn`.

    Returns:
        The label written; None where it was in force already, with that note, and nothing was written.

    Raises:
        LabelError: the two are one record, a record is unknown, there is nothing to withdraw, or other labels
            contradict it; the chain of labels is named.
    """
    left, right = sorted((person_record_id, other_record_id))
    if left == right:
        raise LabelError(f"{left} was given twice", cure="name two records")
    with table_lock(PERSON_LABELS):
        in_force = labels_in_force()
        before = next((one for one in in_force if one.pair == (left, right)), None)
        if label == WITHDRAWN:
            if before is None:
                raise LabelError(
                    f"there is no label of {left} and {right} to withdraw",
                    cure="see the labels in force: lake identity labels",
                )
        else:
            _reject_unknown(left, right)
            _reject_contradiction(in_force, left=left, right=right, label=label)
            if before is not None and before.label == label and note in (None, before.note):
                return None
        new_label = Label(left, right, label, labelled_at=clock.now(), labelled_by=_who(), note=note)
        row = {"number": _last_number() + 1, **vars(new_label)}
        append(PERSON_LABELS, pa.Table.from_pylist([row], schema=SCHEMA), configuration=_CONFIGURATION)
        return new_label


def contradiction(in_force: Iterable[Label], *, left: str, right: str, label: str) -> list[Label]:
    """The labels that a new one of `left` and `right` would contradict, as a chain; empty where it fits. Pure.

    The chain goes from record to record; all of it but one label says `same`.
    """
    others = [one for one in in_force if set(one.pair) != {left, right}]
    ties: dict[str, list[tuple[str, Label]]] = {}
    for one in others:
        if one.label == SAME:
            ties.setdefault(one.person_record_id_l, []).append((one.person_record_id_r, one))
            ties.setdefault(one.person_record_id_r, []).append((one.person_record_id_l, one))
    from_left = _chains(ties, left)
    if label == DIFFERENT:
        return from_left.get(right, [])
    from_right = _chains(ties, right)
    for one in others:
        for a, b in (
            one.pair,
            one.pair[::-1],
        ):
            if one.label == DIFFERENT and a in from_left and b in from_right:
                return [*from_left[a], one, *reversed(from_right[b])]
    return []


def unknown_records(record_ids: Iterable[str]) -> list[str]:
    """Those of the record_ids that the lake does not have."""
    distinct_ids = sorted(set(record_ids))
    if not table_exists(PERSON_RECORDS):
        raise LabelError("this lake knows no records of anybody yet", cure="fill it first: lake run")
    with connect() as con:
        rows = con.execute(
            f"select person_record_id from {scan(PERSON_RECORDS)} where list_contains(?, person_record_id)",
            [distinct_ids],
        ).fetchall()
    return sorted(set(distinct_ids) - {row[0] for row in rows})


def _chains(ties: dict[str, list[tuple[str, Label]]], start: str) -> dict[str, list[Label]]:
    """Every record that labels tie to `start`, with the shortest chain of labels to it."""
    chains: dict[str, list[Label]] = {start: []}
    waiting = deque([start])
    while waiting:
        record = waiting.popleft()
        for neighbour, label in ties.get(record, ()):
            if neighbour not in chains:
                chains[neighbour] = [*chains[record], label]
                waiting.append(neighbour)
    return chains


def _reject_contradiction(in_force: list[Label], *, left: str, right: str, label: str) -> None:
    chain = contradiction(in_force, left=left, right=right, label=label)
    if chain:
        pairs = "; ".join(f"lake identity review {','.join(one.pair)}" for one in chain[:3])
        raise LabelError(
            f"{left} {label} {right} contradicts earlier labels: {'; '.join(map(str, chain))}",
            cure=f"look again ({pairs}), and take back the label that is wrong: "
            f"lake identity label {','.join(chain[0].pair)} withdraw",
        )


def _reject_unknown(*record_ids: str) -> None:
    unknown = unknown_records(record_ids)
    if unknown:
        raise LabelError(
            f"this lake has no record {' nor '.join(unknown)}",
            cure="take record_ids from `lake identity review`, `lake profile` or identity/person_records",
        )


def _last_number() -> int:
    if not table_exists(PERSON_LABELS):
        return 0
    with connect() as con:
        row = con.sql(f"select max(number) from {scan(PERSON_LABELS)}").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _who() -> str:
    """The user of this process; in a container that knows no names, its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"

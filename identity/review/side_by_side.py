"""Two records as a reviewer sees them: every field of both, what the matcher makes of them, what was judged before.

Personal values, for those who may see them; how they are shown is `cli/_identity_review.py`.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from contracts.catalogue.tables import PERSON_LINKS, PERSON_RECORDS, PERSON_REVIEWS
from identity.matching.person_records import SCHEMA as PERSON_RECORD
from identity.review.explain import statistics_in_use
from identity.review.labels import Label, labels_in_force
from identity.review.pair_verdict import Opinion, opinion
from identity.review.queue import pair_id
from identity.review.trained_models import lake_model
from identity.review.waterfall import PRIOR, prior_bits
from lake.sql.connections import connect
from lake.tables import scan, table_exists

#: Columns that the lake adds to a record; its source did not send them.
_OURS = {"person_record_id", "content_hash", "batch_id", "first_known_at", "landed_at"}


@dataclass(frozen=True)
class Step:
    """One bar of the waterfall: what was compared, and how many bits it speaks for (or against) one person."""

    comparison: str
    weight_bits: float


@dataclass(frozen=True)
class SideBySide:
    """A pair before its reviewer.

    Attributes:
        fields: name, value of the left record, value of the right one; fields that both lack are left out.
        same: names of fields in which both say the same in comparable form, however they are written.
        steps: the waterfall, strongest first; they add up to `match_strength`. Empty where one of the two tells too
            little of somebody to be compared with another, or nothing was counted yet.
        tied_by, contradictions: what decides besides the bits (`identity.review.pair_verdict`).
        reason: why the pair is in the queue; None where it is not.
        label: what was judged of it; None where nothing was.
    """

    pair_id: str
    person_record_id_l: str
    person_record_id_r: str
    person_id_l: str | None
    person_id_r: str | None
    fields: list[tuple[str, Any, Any]]
    same: list[str]
    steps: list[Step]
    match_strength: float | None
    tied_by: str | None
    contradictions: list[str]
    reason: str | None
    state: str | None
    label: Label | None

    @property
    def is_one_person(self) -> bool:
        """Whether the links give both to one person now."""
        return self.person_id_l is not None and self.person_id_l == self.person_id_r


def side_by_side(person_record_id: str, other_record_id: str) -> SideBySide:
    """Everything that a judgement of two records needs; a record that was deleted shows no value."""
    left, right = sorted((person_record_id, other_record_id))
    rows, persons = _records(left, right), _persons(left, right)
    records = {row["person_record_id"]: row for row in rows.to_pylist()}
    review = _review(left, right)
    verdict = _opinion(rows)
    weights, strength = verdict.weights, verdict.match_strength
    if strength is None and review:
        weights = {item["comparison"]: item["weight_bits"] for item in review["weights"] or []}
        strength = review["match_strength"]
    label = next((one for one in labels_in_force() if one.pair == (left, right)), None)
    return SideBySide(
        pair_id=pair_id(left, right),
        person_record_id_l=left,
        person_record_id_r=right,
        person_id_l=persons.get(left),
        person_id_r=persons.get(right),
        fields=_fields(records.get(left, {}), records.get(right, {})),
        same=verdict.same,
        steps=_steps(weights, strength),
        match_strength=strength,
        tied_by=verdict.tied_by,
        contradictions=verdict.contradictions,
        reason=review.get("reason"),
        state=review.get("state"),
        label=label,
    )


def _records(*record_ids: str) -> pa.Table:
    if not table_exists(PERSON_RECORDS):
        return PERSON_RECORD.empty_table()
    with connect() as con:
        return con.execute(
            f"select * from {scan(PERSON_RECORDS)} where list_contains(?, person_record_id)", [list(record_ids)]
        ).to_arrow_table()


def _opinion(records: pa.Table) -> Opinion:
    """What the matcher says of two records; nothing of one that was deleted, or before the first run."""
    statistics = statistics_in_use()
    if records.num_rows != 2 or statistics is None:
        return Opinion()
    return opinion(records, model=lake_model(), statistics=statistics)


def _persons(*record_ids: str) -> dict[str, str]:
    if not table_exists(PERSON_LINKS):
        return {}
    with connect() as con:
        rows = con.execute(
            f"""select person_record_id, person_id from {scan(PERSON_LINKS)}
                where valid_to is null and list_contains(?, person_record_id)""",
            [list(record_ids)],
        ).fetchall()
    return dict(rows)


def _review(left: str, right: str) -> dict[str, Any]:
    if not table_exists(PERSON_REVIEWS):
        return {}
    with connect() as con:
        rows = con.execute(
            f"select * from {scan(PERSON_REVIEWS)} where person_record_id_l = ? and person_record_id_r = ?",
            [left, right],
        ).to_arrow_table()
    reviews = rows.to_pylist()
    return reviews[0] if reviews else {}


def _fields(left: dict[str, Any], right: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Columns in the order of the table, then one line per kind of identifier."""
    plain = [name for name in {**left, **right} if name not in _OURS and name != "identifiers"]
    lines = [(name, left.get(name), right.get(name)) for name in plain]
    kinds = [_identifiers(record) for record in (left, right)]
    lines += [(kind, kinds[0].get(kind), kinds[1].get(kind)) for kind in sorted({*kinds[0], *kinds[1]} - set(plain))]
    return [line for line in lines if line[1] is not None or line[2] is not None]


def _identifiers(record: dict[str, Any]) -> dict[str, str]:
    kinds: dict[str, list[str]] = {}
    for item in record.get("identifiers") or []:
        if item["value"] is not None:
            kinds.setdefault(item["kind"], []).append(item["value"])
    return {kind: ", ".join(sorted(set(values))) for kind, values in kinds.items()}


def _steps(weights: dict[str, float], strength: float | None) -> list[Step]:
    """The weights, after what is in the strength besides them: how likely any two records are one person."""
    if strength is None or not weights:
        return []
    compared = {name: bits for name, bits in weights.items() if name != PRIOR}
    prior = prior_bits(list(compared.values()), strength)
    first = [] if prior is None else [Step(PRIOR, prior)]
    return first + [Step(*item) for item in sorted(compared.items(), key=lambda item: -item[1])]

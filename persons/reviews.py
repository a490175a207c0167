"""The pairs of the review queue that concern a person: where the matcher is unsure, and who should decide."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from contracts.catalogue.tables import PERSON_LINKS, PERSON_REVIEWS
from identity.review.labels import read_labels
from identity.review.queue import OPEN
from lake.tables import scan
from persons.reading import Row, rows_of

MAX_PAIRS = 20
_QUEUE_SHOWN = 10


@dataclass(frozen=True)
class OpenReview:
    """A pair that waits for a judgement.

    Attributes:
        other_person_id: the person of the other record; None where both records are this person's.
        match_strength: bits; `weights`: comparison and bits, what says most for one person first.
    """

    pair_id: str
    person_record_id_l: str
    person_record_id_r: str
    reason: str
    other_person_id: str | None
    first_seen_at: datetime
    match_strength: float
    weights: list[tuple[str, float]]


@dataclass(frozen=True)
class QueuedPair:
    """A pair of the queue without any value: the persons of its two records (None: the record no longer exists)."""

    pair_id: str
    reason: str
    match_strength: float
    person_id_l: str | None
    person_id_r: str | None


def read_reviews(con: duckdb.DuckDBPyConnection, person_id: str) -> list[OpenReview]:
    """The open pairs with a record of a person, the least sure first; `MAX_PAIRS` at most."""
    pairs = rows_of(
        con,
        tables=(PERSON_REVIEWS, PERSON_LINKS),
        sql=f"""with links as (select person_record_id, person_id from {scan(PERSON_LINKS)} where valid_to is null)
            select pair_id, person_record_id_l, person_record_id_r, reason, match_strength, weights, first_seen_at,
                case when l.person_id = $person then r.person_id else l.person_id end as other_person_id
            from {scan(PERSON_REVIEWS)}
                left join links l on l.person_record_id = person_record_id_l
                left join links r on r.person_record_id = person_record_id_r
            where state = '{OPEN}' and $person in (l.person_id, r.person_id)
            order by abs(match_strength), pair_id""",
        parameters={"person": person_id},
    )
    if not pairs:
        return []
    labels = read_labels()
    labelled = set(zip(labels["person_record_id_l"].to_pylist(), labels["person_record_id_r"].to_pylist(), strict=True))
    unlabelled = [row for row in pairs if (row["person_record_id_l"], row["person_record_id_r"]) not in labelled]
    return [_review(row, person_id) for row in unlabelled[:MAX_PAIRS]]


def _review(row: Row, person_id: str) -> OpenReview:
    weights = sorted(row["weights"] or [], key=lambda weight: -weight["weight_bits"])
    return OpenReview(
        pair_id=row["pair_id"],
        person_record_id_l=row["person_record_id_l"],
        person_record_id_r=row["person_record_id_r"],
        reason=row["reason"],
        other_person_id=None if row["other_person_id"] == person_id else row["other_person_id"],
        first_seen_at=row["first_seen_at"],
        match_strength=row["match_strength"],
        weights=[(weight["comparison"], weight["weight_bits"]) for weight in weights],
    )


def read_queue(con: duckdb.DuckDBPyConnection) -> tuple[int, list[QueuedPair]]:
    """How many pairs wait for a judgement, and the ten of which the matcher is least sure."""
    counted = rows_of(
        con,
        tables=(PERSON_REVIEWS,),
        sql=f"select count(*) as pairs from {scan(PERSON_REVIEWS)} where state = '{OPEN}'",
    )
    least_sure = rows_of(
        con,
        tables=(PERSON_REVIEWS, PERSON_LINKS),
        sql=f"""with least_sure as (
                select * from {scan(PERSON_REVIEWS)} where state = '{OPEN}'
                order by abs(match_strength), pair_id limit {_QUEUE_SHOWN}),
                links as (
                select person_record_id, person_id from {scan(PERSON_LINKS)}
                where valid_to is null and person_record_id in
                    (select person_record_id_l from least_sure union all select person_record_id_r from least_sure))
            select pair_id, reason, match_strength, l.person_id as person_id_l, r.person_id as person_id_r
            from least_sure left join links l on l.person_record_id = person_record_id_l
                left join links r on r.person_record_id = person_record_id_r
            order by abs(match_strength), pair_id""",
    )
    return counted[0]["pairs"] if counted else 0, [QueuedPair(**row) for row in least_sure]

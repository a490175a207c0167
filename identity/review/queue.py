"""The pairs that a person should look at: `identity/person_reviews`, written by the identity step, read by reviewers.

The matcher says which pairs it is unsure of and why; a pair stays in the queue until somebody labels it or the matcher
is no longer unsure of it. The judgements themselves are in `identity.review.labels`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import PERSON_LINKS, PERSON_REVIEWS
from contracts.logical_types import TIMESTAMP
from identity.review.labels import IN_FORCE, LabelError, labels_in_force, read_labels, unknown_records
from identity.review.trained_models import lake_model
from lake.sql.connections import connect
from lake.sql.rows import single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.types import typed_null
from lake.tables import scan, table_exists
from lake.writer import merge

OPEN, CLOSED = "open", "closed"
#: The only reason whose pairs are doubtful by their strength.
NEAR_THRESHOLD = "NEAR_THRESHOLD"
SCHEMA = pa.schema(
    [
        ("pair_id", pa.string()),
        ("person_record_id_l", pa.string()),
        ("person_record_id_r", pa.string()),
        ("reason", pa.string()),
        ("match_strength", pa.float64()),
        ("weights", pa.list_(pa.struct([("comparison", pa.string()), ("weight_bits", pa.float64())]))),
        ("first_seen_at", TIMESTAMP),
        ("state", pa.string()),
        ("closed_by", pa.string()),
        ("run", pa.int64()),
    ]
)
_CONFIGURATION = {"delta.dataSkippingStatsColumns": "pair_id,first_seen_at,state,run"}
_WEIGHT = "weight_"
_NAME_A_PAIR = "take one from `lake identity review`, or name two records: RECORD_ID,RECORD_ID"
#: Characters of what somebody typed that an error repeats.
_MAX_REPEATED = 120

_GIVEN = ScratchTable("given", dict.fromkeys(("person_record_id_l", "person_record_id_r", "reason"), "VARCHAR"))
_LABELS = ScratchTable.of_schema("labels", IN_FORCE)
#: The queue as it is.
_QUEUED = ScratchTable.of_schema("queued", SCHEMA)
#: The pairs that the matcher is unsure of.
_UNSURE = ScratchTable.of_schema("unsure", pa.schema(list(SCHEMA)[:6]))
_AMONG = ScratchTable("among", {"person_record_id": "VARCHAR"})
_CHANGES = ScratchTable.of_schema("changes", SCHEMA)
_PLAN = Computation("plan the reviews", reads=(_GIVEN, _LABELS), inner=(_QUEUED, _UNSURE, _AMONG, _CHANGES))


@dataclass(frozen=True)
class Review:
    """A pair in the queue.

    Attributes:
        match_strength: bits for (above 0) or against one person; `weights` are the bits of each comparison made.
        records: how many records the persons of the two hold together: what a judgement may move.
        pairs: open pairs between the same two persons, this one among them.
        person_id_l, person_id_r: who they are now; one id where they are one person, None where a record is gone.
    """

    pair_id: str
    person_record_id_l: str
    person_record_id_r: str
    reason: str
    match_strength: float
    weights: list[dict[str, Any]]
    first_seen_at: datetime
    person_id_l: str | None
    person_id_r: str | None
    records: int
    pairs: int


@dataclass(frozen=True)
class Queue:
    """What a run makes of the queue: `changes` in `SCHEMA`, and how many pairs are open with them."""

    changes: pa.Table
    open: int

    def write(self) -> None:
        """Bring the table up to date; writes nothing where nothing changed."""
        if self.changes.num_rows:
            merge(PERSON_REVIEWS, self.changes, ["pair_id"], configuration=_CONFIGURATION)


def plan_reviews(
    reviews: pa.Table, *, at: datetime, run: int, among: pa.Array | pa.ChunkedArray | None = None
) -> Queue:
    """The queue as it should be after a run; writes nothing.

    Args:
        reviews: person_record_id_l, person_record_id_r, reason, match_strength and one `weight_…` per comparison, as
            `identity.matching.resolve.Matching.reviews`.
        at, run: the run's clock and number.
        among: record_ids that the run looked at, where it did not look at all: pairs of others stay as they are.
    """
    with connect() as con:
        con.register("given", reviews)
        con.register("labels", read_labels())
        with _PLAN.on(con) as step:
            step.make(_QUEUED, _queued_sql())
            step.make(_UNSURE, _unsure_sql(reviews.column_names))
            looked_at = "true"
            if among is not None:
                step.put(_AMONG, pa.table({"person_record_id": among}))
                looked_at = "(person_record_id_l in (from among) or person_record_id_r in (from among))"
            changes = con.execute(_changes_sql(looked_at), {"at": at, "run": run}).to_arrow_table().cast(SCHEMA)
            step.put(_CHANGES, changes)
            open_pairs = single_value(
                con,
                """select count(*) filter (state = 'open') from (
                       select state from queued anti join changes using (pair_id)
                       union all select state from changes)""",
            )
    return Queue(changes, int(open_pairs))


def open_reviews(*, reason: str | None = None, maximum: int | None = None) -> list[Review]:
    """What waits for a judgement, by what it is worth: what is least sure first, then what moves most records.

    A pair near the threshold is the surer the more whole bits it lies from it. One that is in the queue for another
    reason is as unsure as can be, however strong: it and the records around it contradict each other. Pairs that are
    one person by other ties come last. Two persons are asked about once, by their strongest pair; `pairs` says how
    many they have. Pairs that were labelled since the last run are left out.
    """
    if not table_exists(PERSON_REVIEWS):
        return []
    with connect() as con:
        con.register("labels", read_labels())
        rows = con.execute(
            f"""with open_pairs as (
                    select *, case when reason = '{NEAR_THRESHOLD}' then round(abs(match_strength - $threshold))
                        else 0 end as bits_away
                    from {scan(PERSON_REVIEWS)} anti join labels using (person_record_id_l, person_record_id_r)
                    where state = '{OPEN}' and ($reason is null or reason = $reason)),
                links as (select person_record_id, person_id from {links_sql()}),
                sizes as (select person_id, count(*) as records from links group by 1),
                asked as (
                    select q.*, l.person_id as person_id_l, r.person_id as person_id_r,
                           coalesce(ls.records, 0) + case when l.person_id is distinct from r.person_id
                               then coalesce(rs.records, 0) else 0 end as records,
                           coalesce(least(l.person_id, r.person_id) || greatest(l.person_id, r.person_id),
                               pair_id) as who
                    from open_pairs q
                        left join links l on l.person_record_id = person_record_id_l
                        left join sizes ls on ls.person_id = l.person_id
                        left join links r on r.person_record_id = person_record_id_r
                        left join sizes rs on rs.person_id = r.person_id)
                select pair_id, person_record_id_l, person_record_id_r, reason, match_strength, weights, first_seen_at,
                       person_id_l, person_id_r, records, count(*) over (partition by who) as pairs
                from asked
                qualify row_number() over (partition by who order by bits_away, match_strength desc, pair_id) = 1
                order by reason = '{NEAR_THRESHOLD}' and person_id_l is not distinct from person_id_r, bits_away,
                    records desc, pair_id limit $most""",
            {"reason": reason, "most": maximum, "threshold": lake_model().threshold_bits},
        ).fetchall()
    return [Review(*row) for row in rows]


def count_open() -> dict[str, int]:
    """How many pairs wait, by reason."""
    if not table_exists(PERSON_REVIEWS):
        return {}
    with connect() as con:
        con.register("labels", read_labels())
        rows = con.execute(
            f"""select reason, count(*)
                from {scan(PERSON_REVIEWS)} anti join labels using (person_record_id_l, person_record_id_r)
                where state = '{OPEN}' group by 1 order by 1"""
        ).fetchall()
    return dict(rows)


def find_pair(text: str) -> tuple[str, str]:
    """The two records that a person names: by the id of a review or its beginning, or as `RECORD_ID,RECORD_ID`.

    Raises:
        LabelError: no review or several begin so, or a record is unknown.
    """
    text = text.strip()
    if not text:
        raise LabelError("no pair was named", cure=_NAME_A_PAIR)
    if "," in text:
        return _named_records(text)
    reviews = _reviews_beginning_with(text)
    if len(reviews) == 1:
        return reviews[0][1], reviews[0][2]
    if not reviews:
        raise LabelError(f"no review is called {_cut(text)}", cure=_NAME_A_PAIR)
    raise LabelError(
        f"{len(reviews):,} reviews begin with {text}",
        cure=f"write more of it: {', '.join(row[0] for row in reviews[:5])}",
    )


def pair_id(person_record_id: str, other_record_id: str) -> str:
    """The short name of a pair, the same whichever record is named first and for ever."""
    left, right = sorted((person_record_id, other_record_id))
    with duckdb.connect() as con:
        row = con.execute(f"select {_pair_id_sql('$l', '$r')}", {"l": left, "r": right}).fetchone()
    assert row is not None
    return str(row[0])


def links_sql() -> str:
    """The links that hold now, as a relation `links` of person_record_id and person_id; empty where there are none."""
    if not table_exists(PERSON_LINKS):
        return "(select null::varchar as person_record_id, null::varchar as person_id where false) links"
    return f"(select person_record_id, person_id from {scan(PERSON_LINKS)} where valid_to is null) links"


def _named_records(text: str) -> tuple[str, str]:
    """An id may hold a comma itself: the split at which the lake knows both is meant. It knows those that are gone by
    their labels, which may have to be taken back."""
    parts = text.split(",")
    splits = [(",".join(parts[:at]).strip(), ",".join(parts[at:]).strip()) for at in range(1, len(parts))]
    labelled = {name for one in labels_in_force() for name in one.pair}
    unknown = set(unknown_records({name for split in splits for name in split})) - labelled
    known_splits = [split for split in splits if not unknown & set(split)]
    if not known_splits:
        left, right = splits[0] if len(splits) == 1 else (text, "")
        missing = [name for name in (left, right) if name and (name in unknown or len(splits) > 1)]
        raise LabelError(
            f"this lake has no record {' nor '.join(map(_cut, missing)) or _cut(text)}",
            cure="take record_ids from `lake identity review`, `lake profile` or identity/person_records",
        )
    left, right = known_splits[0]
    if left == right:
        raise LabelError(f"{left} was given twice", cure="name two records")
    return known_splits[0]


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_REPEATED else f"{text[:_MAX_REPEATED]}…"


def _reviews_beginning_with(text: str) -> list[tuple[str, str, str]]:
    if not table_exists(PERSON_REVIEWS):
        return []
    with connect() as con:
        return con.execute(
            f"""select pair_id, person_record_id_l, person_record_id_r from {scan(PERSON_REVIEWS)}
                where starts_with(pair_id, ?) order by pair_id""",
            [text if text.startswith("q-") else f"q-{text}"],
        ).fetchall()


def _pair_id_sql(left: str, right: str) -> str:
    """40 bits of a hash: among a million pairs two share a name once in two lakes, and then more letters are asked."""
    return f"'q-' || left(md5({left} || chr(31) || {right}), 10)"


def _queued_sql() -> str:
    columns = ", ".join(SCHEMA.names)
    if table_exists(PERSON_REVIEWS):
        return f"select {columns} from {scan(PERSON_REVIEWS)}"
    return "from (" + _nothing_sql() + ")"


def _nothing_sql() -> str:
    columns = (f"{typed_null(item.type)} as {item.name}" for item in SCHEMA)
    return f"select {', '.join(columns)} where false"


def _unsure_sql(columns: Iterable[str]) -> str:
    """One row per pair, its strongest reason, in the order of its records; hundredths of bits are no change."""
    weights = ", ".join(
        f"{{'comparison': '{name.removeprefix(_WEIGHT)}', 'weight_bits': round(\"{name}\"::double, 2)}}"
        for name in columns
        if name.startswith(_WEIGHT)
    )
    weights_sql = f"list_filter([{weights}], x -> x.weight_bits is not null)" if weights else "[]"
    return f"""
        with pairs as (
            select least(person_record_id_l, person_record_id_r) as person_record_id_l,
                   greatest(person_record_id_l, person_record_id_r) as person_record_id_r,
                   reason, round(match_strength::double, 2) as match_strength,
                   {weights_sql}::struct(comparison varchar, weight_bits double)[] as weights
            from given where person_record_id_l <> person_record_id_r)
        select {_pair_id_sql("person_record_id_l", "person_record_id_r")} as pair_id,
               person_record_id_l, person_record_id_r,
               max_by(reason, (abs(match_strength), reason)) as reason,
               max_by(match_strength, (abs(match_strength), reason)) as match_strength,
               max_by(weights, (abs(match_strength), reason)) as weights
        from pairs group by person_record_id_l, person_record_id_r"""


def _changes_sql(looked_at: str) -> str:
    return f"""
        select f.pair_id, f.person_record_id_l, f.person_record_id_r, f.reason, f.match_strength, f.weights,
               coalesce(h.first_seen_at, $at) as first_seen_at, '{OPEN}' as state, null as closed_by, $run as run
        from unsure f anti join labels using (person_record_id_l, person_record_id_r)
            left join queued h using (pair_id)
        where h.pair_id is null or h.state <> '{OPEN}' or h.reason <> f.reason
           or h.match_strength is distinct from f.match_strength or h.weights is distinct from f.weights
        union all
        select pair_id, person_record_id_l, person_record_id_r, reason, match_strength, weights, first_seen_at,
               '{CLOSED}', case when label is null then 'no_longer_found' else 'label' end, $run
        from queued left join labels using (person_record_id_l, person_record_id_r)
        where state = '{OPEN}' and (label is not null
            or (pair_id not in (select pair_id from unsure) and {looked_at}))
        order by pair_id"""

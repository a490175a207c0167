"""What the matcher makes of two records by itself, whether or not it ever compared them.

They are compared when somebody asks, without the labels, by the model in use and the lake's frozen counts. Only the two
are looked at: what others around them add (a third that both are tied to, a record that shows two values of one owner)
is not in it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import PERSON_INDEX
from identity.links.matcher_columns import to_matcher
from identity.links.person_index import current_sql
from identity.matching.comparable.normalise import normalise
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import scratch
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import create_pairs
from identity.matching.pairs.person_model import PersonModel, score
from identity.matching.pairs.ties import contradicts, judge
from identity.matching.person_records import read_records
from identity.matching.resolve import prepare
from identity.matching.tables import JUDGED, LAKE_SIZES, PAIRS, PEOPLE, SCORED
from lake.sql.connections import connect
from lake.sql.rows import single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.tables import table_exists

#: What each column of a record is in comparable form, as columns of `people`.
_COMPARABLE = {
    "full_name": "name_key", "given_name": "given", "family_name": "family", "birth_date": "birth_text",
    "gender": "gender", "email": "email", "phone": "phone", "national_id": "national_id", "street": "street",
    "city": "city", "postcode": "postcode",
}  # fmt: skip

_READ_PEOPLE = Computation("read the two records", reads=(PEOPLE,))
_PAIR_ANYWAY = Computation("pair the two records in any case", changes=(PAIRS,))
_READ_STRENGTH = Computation("read the strength", drops=(SCORED,))
_READ_VERDICT = Computation("read the verdict", reads=(JUDGED,))
_GUARDED_KEYS = ScratchTable("guarded_keys", {"key": "BIGINT"})
_LEAVE_OUT = Computation("leave out values that many share", makes=(LAKE_SIZES,), inner=(_GUARDED_KEYS,))


@dataclass(frozen=True)
class Opinion:
    """What the matcher says of two records.

    Attributes:
        same: columns in which both say the same in comparable form, however they are written.
        match_strength: bits for (above 0) or against one person, None where one of the two shows too little to be
            compared; `weights` are the bits of each comparison that was made.
        tied_by: the rule that ties them, `SIMILAR_PERSON` where it is the model; None where nothing does.
        contradictions: what shows two people, whatever else agrees.
    """

    same: list[str] = field(default_factory=list)
    match_strength: float | None = None
    weights: dict[str, float] = field(default_factory=dict)
    tied_by: str | None = None
    contradictions: list[str] = field(default_factory=list)


def opinion(records: pa.Table, *, model: PersonModel, statistics: Statistics) -> Opinion:
    """What the matcher says of exactly two person records of the lake.

    Args:
        records: the two, as `person_records` has them.
        model, statistics: those in use.
    """
    with scratch() as con:
        normalise(con, read_records(to_matcher(records)), statistics)
        with _READ_PEOPLE.on(con):
            left, right = con.sql(f"select {', '.join(_COMPARABLE.values())} from people order by rid").fetchall()
            is_nobody = bool(con.sql("select 1 from people where not is_somebody").fetchall())
        same = [name for name, a, b in zip(_COMPARABLE, left, right, strict=True) if a is not None and a == b]
        if is_nobody:
            return Opinion(same)
        _leave_out_guarded(con, records["person_record_id"].to_pylist())
        kinds = prepare(con, model=model, statistics=statistics, is_each_alone=True, is_part=True)
        create_pairs(con, kinds, is_part=True)
        # Where they share no key, or a crowded one, they were never candidates: held against each other all the same.
        with _PAIR_ANYWAY.on(con) as step:
            step.insert(PAIRS, "select 0 as l, 1 as r, 0 as keys where not exists (from pairs)")
        score(con, model, population=statistics.population)
        with _READ_STRENGTH.on(con):
            strength = single_value(con, "select weight from scored")  # before rules and contradictions are heard
        judge(con, model, kinds, population=statistics.population)
        with _READ_VERDICT.on(con):
            (judged,) = con.sql("from judged").to_arrow_table().to_pylist()
            contradictions = [name for name, holds in _contradictions(con, model) if holds]
        return Opinion(
            same,
            match_strength=strength,
            weights={
                name: judged[f"weight_{name}"] for name in model.comparisons if judged[f"weight_{name}"] is not None
            },
            tied_by=judged["kind"] if judged["is_tie"] else None,
            contradictions=contradictions,
        )


def _leave_out_guarded(con: duckdb.DuckDBPyConnection, record_ids: Iterable[str]) -> None:
    """Values that too many records share say nothing of these two either: makes `LAKE_SIZES`, as for a part."""
    guarded: list[Any] = []
    if table_exists(PERSON_INDEX):
        with connect() as lake:
            guarded = lake.execute(
                f"""select unnest(guarded) from ({current_sql(("person_record_id", "guarded"))})
                    where person_record_id in (select unnest(?))""",
                [list(record_ids)],
            ).fetchall()
    keys = pa.array([key for (key,) in guarded], pa.int64())
    with _LEAVE_OUT.on(con) as step:
        step.put(_GUARDED_KEYS, pa.table({"key": keys}))
        step.make(
            LAKE_SIZES,
            f"""select distinct key, {rules.MAX_NAMES + 1}::bigint as names, 0::bigint as records,
                       0::bigint as profiles
                from guarded_keys""",
        )


def _contradictions(con: duckdb.DuckDBPyConnection, model: PersonModel) -> list[tuple[str, bool]]:
    """Each contradiction by its name, once, and whether it holds for the judged pair."""
    by_name: dict[str, bool] = {}
    for one in rules.CONTRADICTIONS:
        (holds,) = con.sql(f"select {contradicts(model, one)} from judged").fetchall()[0]
        by_name[one.name] = by_name.get(one.name, False) or bool(holds)
    return list(by_name.items())

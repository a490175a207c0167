"""Records of somebody -> people and the ties that hold them: the whole matcher, without a lake, a clock or a state.

Ids are given to the people afterwards (`identity.links.new_links`).
"""

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from identity.matching.comparable.normalise import normalise
from identity.matching.comparable.statistics import Statistics, counted
from identity.matching.engine import scratch
from identity.matching.groups.clusters import join_parts
from identity.matching.groups.components import Ints
from identity.matching.groups.nameless_records import attach
from identity.matching.groups.neighbourhoods import neighbourhoods
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import create_guarded, create_keys, create_profiles
from identity.matching.pairs.person_model import PersonModel, create_frequencies, load_model
from identity.matching.pairs.ties import find_ties
from identity.matching.person_records import read_records
from identity.matching.tables import EDGES, GUARDED, JUDGED, LABELLED, PEOPLE, PROFILE_OF, REJECTED
from lake.sql.rows import single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import literal

NO_LABELS = pa.schema(
    [("record_id_l", pa.string()), ("record_id_r", pa.string()), ("label", pa.string())]
).empty_table()

#: Strength of records that say the same, value for value; above any single number.
SAME_VALUES_BITS = 30.0
#: A pair this close below the threshold is shown to a person for review.
DOUBTFUL_BITS = 2.0

_LABELS = ScratchTable.of_schema("labels", NO_LABELS.schema)
_TAKE_LABELS = Computation("take labels", changes=(PEOPLE,), makes=(LABELLED,), inner=(_LABELS,))
_SEPARATE = Computation("make every record a profile of its own", changes=(PROFILE_OF,))
_PLACED = ScratchTable("placed_nodes", {"node": "BIGINT", "component": "BIGINT"})
_COLLECT_EDGES = Computation("collect ties", reads=(JUDGED, PROFILE_OF), makes=(EDGES,), inner=(_PLACED,))
_READ_RESULT = Computation("read the result", reads=(PEOPLE, JUDGED, REJECTED, EDGES, GUARDED))


@dataclass(frozen=True)
class Matching:
    """Which records are one person, and why; no ids yet.

    Attributes:
        record_ids: all records, sorted.
        component: per record, the place of the first record of the same person.
        neighbourhood: per record, the place of the first record that can affect its person (`neighbourhoods`).
        links: record_id, match_kind, match_strength; the strongest tie of each record, `SINGLETON` and 0 for none.
        pairs: the ties that hold each person together: record_id_l, record_id_r, match_kind, match_strength, one
            `weight_…` (bits) per comparison, null where it was not made, and `weight_prior`, the bits before any.
        reviews: the same pairs of doubtful ties, with their `reason` instead of match_kind (`identity.review.queue`).
        guarded: kind, reason, records, names, example (a record_id): values that too many share and that tied nobody.
        statistics: what was counted over all records.
    """

    record_ids: pa.Array
    component: Ints
    neighbourhood: Ints
    links: pa.Table
    pairs: pa.Table
    reviews: pa.Table
    guarded: pa.Table
    statistics: Statistics

    @property
    def persons(self) -> int:
        """How many people there are."""
        return int((self.component == range(len(self.component))).sum()) if len(self.component) else 0


def match(
    records: pa.Table,
    *,
    labels: pa.Table | None = None,
    model: PersonModel | None = None,
    statistics: Statistics | None = None,
    by_rules_only: bool = False,
) -> Matching:
    """Group records by person.

    Args:
        records: the columns of `person_records` (`person_records.SCHEMA`); nullable ones may be absent.
        labels: record_id_l, record_id_r, label (`same`, `different`): judgements of people, which beat the model.
        model: the person model; the shipped one where none is given.
        statistics: those of an earlier resolution, where the records are a part of what it saw.
        by_rules_only: tie by rules alone, without the model.

    Raises:
        RecordsError: see `identity.matching.person_records.read_records`.
    """
    read = read_records(records)
    with scratch() as con:
        normalise(con, read, statistics)
        return match_people(con, labels=labels, model=model, statistics=statistics, by_rules_only=by_rules_only)


def match_people(
    con: duckdb.DuckDBPyConnection,
    *,
    labels: pa.Table | None = None,
    model: PersonModel | None = None,
    statistics: Statistics | None = None,
    by_rules_only: bool = False,
    is_part: bool = False,
) -> Matching:
    """As `match`, for records in comparable form: the tables `PEOPLE` and `HOLDINGS` of a scratch connection.

    Args:
        is_part: the records are a part of the lake's; how many share a key stands in `LAKE_SIZES`.
    """
    model = model or load_model()
    records = int(single_value(con, "select count(*) from people"))
    kinds = prepare(con, model=model, labels=labels, statistics=statistics, is_part=is_part)
    population = records if statistics is None else statistics.population
    component = find_ties(
        con,
        model,
        kinds,
        population=population,
        by_rules_only=by_rules_only,
        # A pair below this would not even be shown to a person.
        min_bits=model.threshold_bits - DOUBTFUL_BITS,
        is_part=is_part,
    )
    component = attach(con, _with_profiles(con, join_parts(con, component)))
    with _READ_RESULT.on(con):
        return Matching(
            record_ids=_arrow(con, "select record_id from people order by rid")["record_id"].combine_chunks(),
            component=component,
            neighbourhood=neighbourhoods(con),
            links=_arrow(con, _links_sql()),
            pairs=_arrow(con, _pairs_sql(model)),
            reviews=_arrow(con, _reviews_sql(model)),
            guarded=_arrow(
                con, "select kind, reason, records, names, example from guarded order by records desc, kind, example"
            ),
            statistics=statistics or counted(con, population, sorted(set(model.frequencies.values()))),
        )


def prepare(
    con: duckdb.DuckDBPyConnection,
    *,
    model: PersonModel,
    labels: pa.Table | None = None,
    statistics: Statistics | None = None,
    is_each_alone: bool = False,
    is_part: bool = False,
) -> list[str]:
    """Make the tables that pairs are judged by: labels, keys, profiles, frequencies of values.

    Args:
        model: its columns are those whose frequencies are found.
        labels, statistics: as for `match`.
        is_each_alone: every record is a profile of its own, also where several say the same.
        is_part: as for `match_people`.

    Returns:
        The kinds of identifiers (`blocking.create_keys`).
    """
    take_labels(con, labels)
    kinds = create_keys(con)
    create_guarded(con, is_part=is_part)
    if is_each_alone:
        with _SEPARATE.on(con):
            con.execute("update profile_of set pid = rid")
    create_profiles(con)
    create_frequencies(con, model, statistics)
    return kinds


def take_labels(con: duckdb.DuckDBPyConnection, labels: pa.Table | None) -> None:
    """Make `LABELLED`. A record that was judged counts as somebody, also without a name, and is its own profile."""
    with _TAKE_LABELS.on(con) as step:
        step.put(_LABELS, (labels if labels is not None else NO_LABELS).select(NO_LABELS.schema.names))
        step.make(
            LABELLED,
            """select least(a.rid, b.rid) as l, greatest(a.rid, b.rid) as r, bool_or(label = 'same') as is_same
               from labels join people a on a.record_id = record_id_l join people b on b.record_id = record_id_r
               where a.rid <> b.rid group by 1, 2""",
        )
        con.execute(
            """update people set is_somebody = true, is_labelled = true
               where record_id in (select record_id_l from labels union select record_id_r from labels)"""
        )


def _with_profiles(con: duckdb.DuckDBPyConnection, component: Ints) -> Ints:
    """The person of every record by that of its profile. Makes `EDGES`, the ties that hold each person together."""
    with _COLLECT_EDGES.on(con) as step:
        step.put(_PLACED, pa.table({"node": np.arange(len(component)), "component": component}))
        step.make(
            EDGES,
            """select l as left_rid, r as right_rid, kind as rule, weight as strength, columns('weight_.*')
               from judged join placed_nodes a on a.node = l join placed_nodes b on b.node = r
               where is_tie and a.component = b.component""",
        )
        step.insert(
            EDGES,
            f"""select pid as left_rid, rid as right_rid, {literal(rules.SAME_VALUES)} as rule,
                       {SAME_VALUES_BITS} as strength
                from profile_of where rid <> pid""",
        )
        members = con.sql("select rid, pid from profile_of").fetchnumpy()
    result = component.copy()
    result[members["rid"]] = component[members["pid"]]
    return result


def _links_sql() -> str:
    return f"""
        with ends as (
            select left_rid as rid, rule, strength from edges union all select right_rid, rule, strength from edges),
        best as (select rid, max(strength) as strength, min_by(rule, (-strength, rule)) as rule from ends group by rid)
        select p.record_id, coalesce(b.rule, {literal(rules.SINGLETON)}) as match_kind,
            coalesce(b.strength, 0.0) as match_strength
        from people p left join best b using (rid) order by p.rid"""


def _pairs_sql(model: PersonModel) -> str:
    names = model.comparisons
    compared = " + ".join(f"coalesce(weight_{name}, 0)" for name in names)
    weights = ", ".join(f"weight_{name}" for name in names) + f", strength - ({compared}) as weight_prior"
    return f"""
        select l.record_id as record_id_l, r.record_id as record_id_r, rule as match_kind,
            strength as match_strength, {weights}
        from edges join people l on l.rid = left_rid join people r on r.rid = right_rid
        order by left_rid, right_rid, rule"""


def _reviews_sql(model: PersonModel) -> str:
    """Ties that were not followed, and pairs of two people that are nearly ties; a pair that a person judged is not
    asked again."""
    weights = ", ".join(f"weight_{name}" for name in model.comparisons)
    return f"""
        with doubtful as (
            select l, r, reason from rejected
            union all
            select l, r, 'NEAR_THRESHOLD' from judged
            where not is_tie and not is_contradiction and says_more
              and weight >= {model.threshold_bits - DOUBTFUL_BITS}),
        first as (select l, r, min(reason) as reason from doubtful group by l, r)
        select a.record_id as record_id_l, b.record_id as record_id_r, reason, weight as match_strength, {weights}
        from first join judged using (l, r) join people a on a.rid = l join people b on b.rid = r
        where not judged.is_labelled order by abs(weight - {model.threshold_bits}), record_id_l, record_id_r"""


def _arrow(con: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return con.sql(sql).to_arrow_table()

"""A part of the lake's records in the matcher: taken from the index, with how many of the lake share each key.

Also which neighbourhoods fresh records are tied to: that takes the matcher, `affected_records` only compares keys.
"""

import duckdb
import pyarrow as pa

from identity.links.affected_records import candidates_sql
from identity.links.matcher_columns import from_matcher, to_matcher
from identity.links.person_index import HEAVY, current_sql
from identity.links.tables import (
    CANDIDATES,
    FRESH,
    FRESH_IDS,
    FRESH_ROWS,
    GONE,
    HELD,
    PART,
    PEOPLE_COLUMNS,
    REACHED,
    SHOWN,
    SIZES_AFTER,
)
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import scratch
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import MAX_PROFILES
from identity.matching.pairs.person_model import PersonModel
from identity.matching.pairs.ties import judge
from identity.matching.resolve import prepare
from identity.matching.tables import HOLDINGS, JUDGED, LAKE_SIZES, PAIRS, PEOPLE
from lake.sql.scratch import Computation, ScratchTable

#: The columns of `PART` that a fresh record has: no key of its own is noted as crowded or guarded yet.
FRESH_VALUES = ("person_record_id", *PEOPLE_COLUMNS, "holdings")

_LABELS = ScratchTable(
    "labelled_pairs", {"person_record_id_l": "VARCHAR", "person_record_id_r": "VARCHAR", "label": "VARCHAR"}
)
_FIND_CANDIDATES = Computation(
    "find candidates for ties",
    reads=(FRESH, FRESH_IDS, SHOWN, SIZES_AFTER, REACHED),
    makes=(CANDIDATES,),
    inner=(_LABELS,),
)
_READ_CANDIDATES = Computation("read the candidates", reads=(FRESH_ROWS, GONE), drops=(CANDIDATES,))
_GIVEN_PAIRS = ScratchTable("given_pairs", dict(CANDIDATES.columns))
_PAIR = Computation("pair the candidates", reads=(PEOPLE,), makes=(PAIRS,), inner=(_GIVEN_PAIRS,))
_READ_TIED = Computation("read which records are tied", reads=(PEOPLE, JUDGED))
_TIED = ScratchTable("tied", {"person_record_id": "VARCHAR"})
_REACH_TIED = Computation("reach the records that are tied", reads=(HELD,), changes=(REACHED,), inner=(_TIED,))
_COUNTED = ScratchTable("counted", dict(LAKE_SIZES.columns))
_READ_SIZES = Computation("read the sizes of keys", reads=(SIZES_AFTER,))
_TAKE_PART = Computation("take a part of the lake", makes=(PEOPLE, HOLDINGS, LAKE_SIZES), inner=(PART, _COUNTED))


def reach_by_ties(
    con: duckdb.DuckDBPyConnection, *, labels: pa.Table, model: PersonModel, statistics: Statistics
) -> None:
    """Add to `REACHED` the neighbourhoods that a fresh record is tied to."""
    with _FIND_CANDIDATES.on(con) as step:
        step.make(CANDIDATES, candidates_sql())
        step.put(_LABELS, labels)
        step.insert(
            CANDIDATES,
            """select one as fresh, other as held from (
                   select person_record_id_l as one, person_record_id_r as other from labelled_pairs
                   union select person_record_id_r, person_record_id_l from labelled_pairs)
               where one in (from fresh_ids)""",
        )
    with _READ_CANDIDATES.on(con):
        part = con.sql(
            f"""select {", ".join(HEAVY)} from ({current_sql(HEAVY)})
                where person_record_id in (select held from candidates) and person_record_id not in (from gone)
                union all by name
                select {", ".join(FRESH_VALUES)} from fresh_rows
                where person_record_id in (select fresh from candidates)"""
        ).to_arrow_table()
        pairs = con.sql("select fresh, held from candidates").to_arrow_table()
    if not pairs.num_rows:
        return
    with scratch() as matcher:
        take_part(con, matcher, part)
        kinds = prepare(
            matcher, model=model, labels=to_matcher(labels), statistics=statistics, is_each_alone=True, is_part=True
        )
        with _PAIR.on(matcher) as step:
            step.put(_GIVEN_PAIRS, pairs)
            step.make(
                PAIRS,
                """select least(a.rid, b.rid) as l, greatest(a.rid, b.rid) as r, 0::bigint as keys
                   from given_pairs join people a on a.record_id = fresh join people b on b.record_id = held
                   where a.is_somebody and b.is_somebody and a.rid <> b.rid group by 1, 2""",
            )
        judge(matcher, model, kinds, population=statistics.population)
        with _READ_TIED.on(matcher):
            tied = matcher.sql(
                """select record_id from people where rid in (
                       select unnest([l, r]) from judged where is_tie or is_labelled)"""
            ).to_arrow_table()
    with _REACH_TIED.on(con) as step:
        step.put(_TIED, from_matcher(tied))
        step.insert(
            REACHED,
            """select distinct neighbourhood from held semi join tied using (person_record_id)
               anti join reached using (neighbourhood)""",
        )


def take_part(con: duckdb.DuckDBPyConnection, matcher: duckdb.DuckDBPyConnection, part: pa.Table) -> None:
    """Make `PEOPLE`, `HOLDINGS` and `LAKE_SIZES` of a part of the lake; sizes are as counted for the keys in question,
    as noted in the index for all others.

    Args:
        con: the lake's connection, after `find_reached`.
        matcher: the connection that gets the tables.
        part: the rows of `PART`.
    """
    with _READ_SIZES.on(con), _TAKE_PART.on(matcher) as step:
        step.put(PART, part)
        step.make(
            PEOPLE,
            f"""select row_number() over (order by person_record_id) - 1 as rid, person_record_id as record_id,
                       {", ".join(PEOPLE_COLUMNS)} from part""",
        )
        step.make(
            HOLDINGS,
            """select rid, item.kind as kind, item.value as value from (
                   select rid, unnest(holdings) as item from part join people on record_id = person_record_id)""",
        )
        step.put(_COUNTED, con.sql("select key, records, names, profiles from sizes_after").to_arrow_table())
        step.make(
            LAKE_SIZES,
            f"""select * from counted
                union all by name
                select key, max(names) as names, max(profiles) as profiles, 0 as records from (
                    select unnest(crowded) as key, 0 as names, {MAX_PROFILES + 1} as profiles from part
                    union all select unnest(guarded), {rules.MAX_NAMES + 1}, 0 from part)
                anti join counted using (key) group by key""",
        )

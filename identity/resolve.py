"""Records of somebody -> who they are. Pure: no lake, no clock, no state; the pipeline's own matcher on any table.

`person_records -> person_links` · `lake identity resolve --input records.parquet --output links.parquet`
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from identity import rules
from identity.anchors import WEIGHTS, find_anchors
from identity.attach import attach
from identity.components import Ints
from identity.engine import scratch
from identity.normalise import normalise
from identity.person_ids import Mint, assign_ids
from identity.records import read_records

LINKS = pa.schema(
    [
        ("record_id", pa.string()),
        ("person_id", pa.string()),
        ("match_kind", pa.string()),
        ("match_strength", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Matching:
    """Which records are one person, and why; no ids yet.

    Attributes:
        record_ids: all records, sorted.
        component: per record, the place of the first record of the same person.
        links: record_id, match_kind, match_strength; the strongest tie of each record, `SINGLETON` and 0 for none.
        pairs: record_id_l, record_id_r, match_kind, match_strength and one `weight_…` (bits) per comparison, null where
            a comparison was not made: the ties that hold each person together.
        guarded: kind, reason, records, names, example (a record_id): values that too many share and that tied nobody.
    """

    record_ids: pa.Array
    component: Ints
    links: pa.Table
    pairs: pa.Table
    guarded: pa.Table

    @property
    def persons(self) -> int:
        """How many people there are."""
        return int((self.component == range(len(self.component))).sum()) if len(self.component) else 0


def match(records: pa.Table) -> Matching:
    """Group records by person.

    Args:
        records: the columns of `person_records` (design.md, section 7); nullable ones may be absent.

    Raises:
        RecordsError: see `identity.records.read_records`.
    """
    held = read_records(records)
    with scratch() as con:
        names = normalise(con, held)
        component = attach(con, find_anchors(con, names))
        return Matching(
            record_ids=_arrow(con, "select record_id from people order by rid")["record_id"].combine_chunks(),
            component=component,
            links=_arrow(con, _links_sql()),
            pairs=_arrow(con, _pairs_sql()),
            guarded=_arrow(
                con, "select kind, reason, records, names, example from guarded order by records desc, kind, example"
            ),
        )


def resolve(
    records: pa.Table,
    *,
    previous: pa.Table | None = None,
    taken: pa.Array | None = None,
    mint: Mint | None = None,
    matching: Matching | None = None,
) -> pa.Table:
    """Who each record is: `LINKS`, exactly one row per record, in the order of record_id.

    Args:
        records: as for `match`.
        previous: `record_id`, `person_id`, `born_at` of the links that there are; ids are carried over from them.
        taken: ids that were ever given out; none is given again.
        mint: where new ids come from; random unless seeded.
        matching: the result of `match(records)`, where the caller has it already.
    """  # fmt: skip
    matching = matching or match(records)
    ids = assign_ids(matching.record_ids, matching.component, previous=previous, taken=taken, mint=mint)
    return matching.links.add_column(1, "person_id", ids).cast(LINKS)


def _links_sql() -> str:
    return f"""
        with ends as (
            select left_rid as rid, rule, strength from edges union all select right_rid, rule, strength from edges),
        best as (select rid, max(strength) as strength, min_by(rule, (-strength, rule)) as rule from ends group by rid)
        select p.record_id, coalesce(b.rule, '{rules.SINGLETON}') as match_kind, coalesce(b.strength,
            0.0) as match_strength
        from people p left join best b using (rid) order by p.rid"""


def _pairs_sql() -> str:
    weights = ", ".join(f"weight_{name}" for name in WEIGHTS)
    return f"""
        select l.record_id as record_id_l, r.record_id as record_id_r, rule as match_kind,
            strength as match_strength, {weights}
        from edges join people l on l.rid = left_rid join people r on r.rid = right_rid order by left_rid,
            right_rid, rule"""


def _arrow(con: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return con.sql(sql).to_arrow_table()

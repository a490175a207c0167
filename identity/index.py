"""What the identity step keeps of every record, so that the next run looks at little.

`identity/person_index` holds per record its values in comparable form, its keys and its neighbourhood; a run appends
the rows that it made again under its number, a full one begins the table anew. `identity/person_statistics` holds what
was counted over all records. Both are derived: without them the next run resolves everything.
"""

import duckdb
import numpy as np
import pyarrow as pa

from identity.components import Ints
from identity.engine import put, short_hash
from identity.statistics import Statistics
from lake.tables import open_table, scan

PERSON_INDEX = "identity/person_index"
PERSON_STATISTICS = "identity/person_statistics"
#: No value of anybody in Delta's log.
CONFIGURATION = {"delta.dataSkippingStatsColumns": "run"}
#: Columns of the table `people` that the matcher reads, beside rid.
PEOPLE = (
    "record_id", "source", "is_somebody", "is_labelled", "name_key", "given", "family", "hanzi", "hanzi_once", "pet",
    "pet_letters", "nicknames", "generation", "parts", "birth", "birth_year", "birth_text", "gender", "email", "phone",
    "national_id", "id_is_checked", "street", "house", "city", "postcode", "issued",
)  # fmt: skip
#: Columns that tell which records a run must look at, without their values.
LIGHT = ("record_id", "row_hash", "label_hash", "neighbourhood", "profile", "name", "is_somebody", "keys")
#: Columns that make up a record for the matcher.
HEAVY = (*PEOPLE, "holdings", "crowded", "guarded")


def current_sql(columns: tuple[str, ...]) -> str:
    """SQL of the newest row of each record that is there, from `person_index`."""
    chosen = ", ".join(f"rows.{column}" for column in columns)
    return f"""
        select {chosen} from {scan(PERSON_INDEX)} rows
        join (select record_id, max(run) as run from {scan(PERSON_INDEX)} group by record_id) newest
            on newest.record_id = rows.record_id and newest.run = rows.run
        where not is_gone"""


def read_statistics() -> Statistics | None:
    """The statistics of the last full run."""
    table = open_table(PERSON_STATISTICS)
    return None if table is None else Statistics.of_table(table.to_pyarrow_table())


def formed_sql() -> str:
    """SQL: rid, the columns `PEOPLE`, holdings, keys, name and profile of the records of a scratch connection, after
    `blocking.create_keys`."""
    columns = ", ".join(f"p.{column}" for column in PEOPLE)
    return f"""
        select rid, {columns}, h.holdings, k.keys, {short_hash("p.name_key")} as name,
               coalesce(o.profile, {short_hash("p.record_id")}) as profile
        from people p
        left join (
            select rid, list(struct_pack(kind := kind, value := value) order by kind, value) as holdings
            from holdings group by rid) h using (rid)
        left join (select rid, list(key) as keys from record_keys group by rid) k using (rid)
        left join profile_of o using (rid)"""


def create_rows(con: duckdb.DuckDBPyConnection, neighbourhood: Ints) -> pa.Table:
    """The rows of the index for all records of a scratch connection, after `resolve.match_people`.

    Reads the tables `hashes` (record_id, row_hash) and `label_hashes` (record_id, label_hash) beside the matcher's.
    """
    put(con, "placed", pa.table({"rid": np.arange(len(neighbourhood)), "first": neighbourhood}))
    return con.sql(
        f"""with values_guarded as (
                select rid, list(key) as guarded from record_keys
                where key in (select {short_hash("kind", "value")} from guarded) group by rid),
            filled as (select rid, key from record_keys semi join crowded using (key)),
            filled_by_name as (
                select rid, {short_hash("key", short_hash("name_key"))} as key from filled join people using (rid)
                where name_key is not null),
            full_blocks as (
                select rid, list(key) as crowded
                from (from filled union all from filled_by_name semi join crowded using (key)) group by rid)
            select f.* exclude (rid), g.guarded, b.crowded, r.row_hash, l.label_hash,
                   {short_hash("first.record_id")} as neighbourhood, false as is_gone
            from ({formed_sql()}) f join placed n using (rid) join people first on first.rid = n.first
            join hashes r on r.record_id = f.record_id left join label_hashes l on l.record_id = f.record_id
            left join full_blocks b using (rid) left join values_guarded g using (rid) order by f.rid"""
    ).to_arrow_table()

"""What the identity step stores of every record, so that the next run reads few records again.

`identity/person_index` holds per record its values in comparable form, its keys and its neighbourhood; a run appends
the rows that it made again under its number, a full one begins the table anew. `identity/person_statistics` holds what
was counted over all records. Both are derived: without them the next run resolves everything.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from contracts.catalogue.tables import PERSON_INDEX, PERSON_STATISTICS
from identity.links.tables import GONE, HASHES, HELD, LABEL_HASHES, NOTED, PART, PEOPLE_COLUMNS
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import short_hash
from identity.matching.groups.components import Ints
from identity.matching.pairs.blocking import personal_keys_sql
from identity.matching.tables import FILLED, GUARDED, HOLDINGS, PEOPLE, PROFILE_OF, VALUE_KEYS
from lake.data_files import DataFile, copy_into, table_folder
from lake.sql.scratch import Computation, ScratchTable
from lake.tables import open_table, scan

#: No value of anybody in Delta's log.
CONFIGURATION = {"delta.dataSkippingStatsColumns": "run"}
#: Columns that say which records a run must look at, without their values.
LIGHT = tuple(HELD.columns)
#: Columns that make up a record for the matcher.
HEAVY = tuple(PART.columns)
#: A hash of the columns: an index with other columns cannot be continued.
LAYOUT = hashlib.blake2b(" ".join((*LIGHT, *HEAVY)).encode(), digest_size=4).hexdigest()
_RECORDS_AT_A_TIME = 200_000
#: What `formed_sql` reads.
FORMED = (PEOPLE, HOLDINGS, VALUE_KEYS, PROFILE_OF)
_PLACED = ScratchTable("placed", {"rid": "BIGINT", "first": "BIGINT"})
_WRITE_FILES = Computation(
    "write the files of the index",
    reads=(*FORMED, GUARDED, FILLED, HASHES, LABEL_HASHES, GONE),
    makes=(NOTED,),
    inner=(_PLACED,),
)


@dataclass(frozen=True)
class IndexFiles:
    """What a run adds to the index: Parquet files in the table's folder that no commit names yet.

    Attributes:
        schema: of their rows.
        run: the run's number.
    """

    files: Sequence[DataFile]
    schema: pa.Schema
    run: int

    def sweep(self) -> None:
        """Delete the files that no commit names."""
        for file in self.files:
            file.delete()


def current_sql(columns: tuple[str, ...]) -> str:
    """SQL of the newest row of each record that has not been deleted, from `person_index`."""
    chosen = ", ".join(f"rows.{column}" for column in columns)
    return f"""
        select {chosen} from {scan(PERSON_INDEX)} rows
        join (select person_record_id, max(run) as run from {scan(PERSON_INDEX)} group by person_record_id) newest
            on newest.person_record_id = rows.person_record_id and newest.run = rows.run
        where not is_gone"""


def read_statistics() -> Statistics | None:
    """The statistics of the last full run."""
    table = open_table(PERSON_STATISTICS)
    return None if table is None else Statistics.of_table(table.to_pyarrow_table())


def formed_sql(rids: str = "true") -> str:
    """SQL: rid, person_record_id, `PEOPLE_COLUMNS`, holdings, keys, name and profile of the records of a scratch
    connection. Reads the tables `FORMED`.

    Args:
        rids: condition on rid.
    """
    columns = ", ".join(f"p.{column}" for column in PEOPLE_COLUMNS)
    return f"""
        select rid, p.record_id as person_record_id, {columns}, h.holdings,
               list_concat({personal_keys_sql()}, v.keys) as keys,
               {short_hash("p.name_key")} as name, coalesce(o.profile, {short_hash("p.record_id")}) as profile
        from (from people where {rids}) p
        left join (
            select rid, list(struct_pack(kind := kind, value := value)) as holdings
            from holdings where {rids} group by rid) h using (rid)
        left join (select rid, list(key) as keys from value_keys where {rids} group by rid) v using (rid)
        left join (from profile_of where {rids}) o using (rid)"""


def write_files(con: duckdb.DuckDBPyConnection, neighbourhood: Ints, *, run: int) -> IndexFiles:
    """Files of the index with the rows of all records of a scratch connection, after `resolve.match_people`; no commit
    names them yet. Makes `NOTED`.

    Some records at a time: rows as wide as these, with their lists, are not kept in memory for all.
    """
    with _WRITE_FILES.on(con) as step:
        step.put(_PLACED, pa.table({"rid": np.arange(len(neighbourhood)), "first": neighbourhood}))
        step.make(
            NOTED,
            f"""select p.rid, {short_hash("first.record_id")} as neighbourhood, r.row_hash, l.label_hash
                from people p join placed using (rid) join people first on first.rid = placed.first
                join hashes r on r.person_record_id = p.record_id
                left join label_hashes l on l.person_record_id = p.record_id""",
        )
        folder, files = table_folder(PERSON_INDEX), []
        for start in range(0, max(len(neighbourhood), 1), _RECORDS_AT_A_TIME):
            rows = _rows_sql(f"rid >= {start} and rid < {start + _RECORDS_AT_A_TIME}", run, is_first=start == 0)
            files += copy_into(con, rows, folder, has_floats=False)
        schema = con.sql(f"from ({rows}) limit 0").to_arrow_table().schema
    return IndexFiles(files, schema, run)


def _rows_sql(rids: str, run: int, *, is_first: bool) -> str:
    """SQL of the index's rows of some records; with the first of them, those that were deleted."""
    deleted_rows = (
        f"union all by name select person_record_id, true as is_gone, {run} as run from gone" if is_first else ""
    )
    return f"""
        with values_guarded as (
            select rid, list(key) as guarded from value_keys
            where {rids} and key in (select {short_hash("kind", "value")} from guarded) group by rid),
        full_blocks as (
            select rid, list(key) as crowded from (from profile_of where {rids}) join filled using (pid) group by rid)
        select f.* exclude (rid), g.guarded, b.crowded, n.row_hash, n.label_hash, n.neighbourhood,
               false as is_gone, {run}::bigint as run
        from ({formed_sql(rids)}) f join (from noted where {rids}) n using (rid)
        left join full_blocks b using (rid) left join values_guarded g using (rid) {deleted_rows}"""

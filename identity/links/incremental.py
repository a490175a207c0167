"""Who is who after records were added, changed or deleted: only what they can affect is resolved again.

`identity.update` calls `resolve_lake`, which looks at everything where it must (the first run, another matcher, model
or engine, more than a fifth of the records new) and otherwise at the neighbourhoods that the new records reach
(`affected_records`).
"""

from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import PERSON_INDEX, PERSON_STATISTICS
from identity.links.affected_records import find_reached
from identity.links.matcher_columns import to_matcher
from identity.links.part_of_lake import FRESH_VALUES, reach_by_ties, take_part
from identity.links.person_index import (
    CONFIGURATION,
    FORMED,
    HEAVY,
    LAYOUT,
    LIGHT,
    IndexFiles,
    current_sql,
    formed_sql,
    read_statistics,
    write_files,
)
from identity.links.tables import (
    FRESH,
    FRESH_IDS,
    FRESH_ROWS,
    GONE,
    HASHES,
    HELD,
    LABEL_HASHES,
    NOTED,
    NOW,
    REACHED,
)
from identity.matching.comparable.normalise import normalise
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import scratch, short_hash
from identity.matching.pairs.blocking import create_keys, personal_keys_sql
from identity.matching.pairs.person_model import PersonModel
from identity.matching.person_records import SCHEMA, read_records
from identity.matching.resolve import Matching, match_people, take_labels
from identity.matching.tables import PEOPLE
from lake.landing_state import as_metadata, read_state
from lake.sql.connections import connect
from lake.sql.scratch import Computation, ScratchTable
from lake.tables import table_version
from lake.writer import Commit, commit_files, overwrite

#: With more than this share of the records new, looking at everything costs less, and counts are due anyway.
MAX_NEW_SHARE = 0.2
#: Columns of the lake's person records that the matcher reads.
_READ = {"person_record_id", *SCHEMA.names}

_TAKE_RECORDS = Computation("take the records and what people judged", makes=(NOW, LABEL_HASHES))
_FIND_CHANGES = Computation("find the changes", reads=(NOW, LABEL_HASHES), makes=(HELD, FRESH_IDS, GONE))
_DELETE_NOTHING = Computation("delete no record of the index", makes=(GONE,))
_TAKE_FRESH = Computation("take the fresh records", reads=(FRESH_IDS,), makes=(FRESH_ROWS, FRESH))
_READ_FRESH = Computation("read the fresh records in comparable form", reads=FORMED)
_READ_REACHED = Computation("read the records that changes reach", reads=(REACHED, GONE, FRESH_ROWS))
_KEEP_DELETED = Computation("leave only what was deleted", reads=(NOW,), changes=(GONE,))
_READ_LOOKED_AT = Computation("read the ids that were looked at", reads=(PEOPLE, GONE))
_READ_HASHES = Computation("read the hashes of records", reads=(NOW, LABEL_HASHES, GONE))
_TAKE_HASHES = Computation("take the hashes of records", makes=(HASHES, LABEL_HASHES, GONE))
_READ_NEIGHBOURHOODS = Computation("read the neighbourhoods of records", reads=(PEOPLE, NOTED))
_LOOKED_AT = ScratchTable("looked_at", {"person_record_id": "VARCHAR", "neighbourhood": "BIGINT"})
_NEAR_LABELS = Computation("find the records near labels", reads=(LABEL_HASHES,), inner=(_LOOKED_AT,))
_NEAR_LABELS_OF_PART = replace(_NEAR_LABELS, reads=(LABEL_HASHES, HELD, GONE))


@dataclass(frozen=True)
class Resolved:
    """The result of a resolution, before anything of it is written.

    Attributes:
        matching: of the records that were looked at.
        near_labels: the records of the neighbourhoods that labelled records are in, as given.
        looked_at: ids of the records that were looked at or deleted; None where all were looked at.
        index: the files for `person_index.PERSON_INDEX`.
        made_by: matcher, model, engine and columns that made the index; it is continued only by the same.
    """

    matching: Matching
    near_labels: pa.Table
    looked_at: pa.Array | None
    index: IndexFiles
    made_by: str


def resolve_lake(records: str, labels: pa.Table, model: PersonModel, *, made_by: str) -> Resolved:
    """Resolve person records, continuing from the index where that is possible.

    Args:
        records: SQL of the records, on a connection of the lake.
        labels: `identity.review.labels.read_labels()`.
        made_by: names the matcher, the model and the engine.

    Raises:
        RecordsError: see `identity.matching.person_records.read_records`.
    """
    made_by = f"{made_by}/{LAYOUT}"
    state = read_state(PERSON_INDEX)
    continues = state.get("made_by") == made_by and state.get("statistics") == table_version(PERSON_STATISTICS)
    statistics = read_statistics() if continues else None
    with connect() as con:
        columns = [row[0] for row in con.sql(f"describe {records}").fetchall() if row[0] in _READ]
        with _TAKE_RECORDS.on(con) as step:
            step.make(NOW, f"select person_record_id, {_row_hash(columns)} as row_hash from ({records})")
            step.put(LABEL_HASHES, _label_hashes(labels))
        if statistics is not None and _create_changes(con):
            return _resolve_part(con, records, labels=labels, model=model, statistics=statistics, made_by=made_by)
        return _resolve_all(con, records, labels=labels, model=model, made_by=made_by)


def write_index(resolved: Resolved) -> None:
    """Write the index: the last thing a run writes, so that a run that died before it is done again."""
    is_whole, index = resolved.looked_at is None, resolved.index
    if is_whole:
        overwrite(PERSON_STATISTICS, resolved.matching.statistics.to_table(), configuration=CONFIGURATION)
    elif not index.files:
        return
    state = {"made_by": resolved.made_by, "run": index.run, "statistics": table_version(PERSON_STATISTICS)}
    commit_files(
        PERSON_INDEX,
        index.files,
        index.schema,
        commit=Commit(metadata=as_metadata(state)),
        configuration=CONFIGURATION,
        is_whole=is_whole,
    )


def _row_hash(columns: list[str]) -> str:
    """SQL of a hash of what the matcher reads: of `updated_at` only whether the birth date lies after it."""
    read = [column for column in columns if column != "updated_at"]
    if "birth_date" in columns:
        read.append("coalesce(birth_date > cast(cast(updated_at as date) as varchar), false)")
    return short_hash(*read)


def _create_changes(con: duckdb.DuckDBPyConnection) -> bool:
    """Make `HELD`, `FRESH_IDS` and `GONE`. Returns False where everything is to be looked at."""
    with _FIND_CHANGES.on(con) as step:
        step.make(HELD, current_sql(LIGHT))
        step.make(
            FRESH_IDS,
            """select n.person_record_id from now n
               left join held h using (person_record_id) left join label_hashes l using (person_record_id)
               where h.person_record_id is null or h.row_hash <> n.row_hash
                  or h.label_hash is distinct from l.label_hash""",
        )
        step.make(
            GONE,
            """select person_record_id from held
               where person_record_id in (from fresh_ids)
                  or person_record_id not in (select person_record_id from now)""",
        )
        fresh, indexed = con.sql("select (select count(*) from fresh_ids), (select count(*) from held)").fetchall()[0]
    return bool(indexed) and fresh <= MAX_NEW_SHARE * indexed


def _resolve_all(
    con: duckdb.DuckDBPyConnection, records: str, *, labels: pa.Table, model: PersonModel, made_by: str
) -> Resolved:
    input_records = read_records(to_matcher(con.sql(records).to_arrow_table()))
    with scratch() as matcher:
        normalise(matcher, input_records)
        del input_records
        matching = match_people(matcher, labels=to_matcher(labels), model=model)
        with _DELETE_NOTHING.on(con) as step:
            step.make_empty(GONE)
        index = _write_index_files(con, matcher, matching)
        near = _near_labels(con, matcher=matcher, records=records, labels=labels, is_part=False)
    return Resolved(matching, near_labels=near, looked_at=None, index=index, made_by=made_by)


def _resolve_part(
    con: duckdb.DuckDBPyConnection,
    records: str,
    *,
    labels: pa.Table,
    model: PersonModel,
    statistics: Statistics,
    made_by: str,
) -> Resolved:
    with _TAKE_FRESH.on(con) as step:
        step.put(FRESH_ROWS, _normalised(con, records=records, labels=labels, statistics=statistics))
        step.make(FRESH, f"select {', '.join(FRESH.columns)} from fresh_rows")
    find_reached(con)
    reach_by_ties(con, labels=labels, model=model, statistics=statistics)
    with _READ_REACHED.on(con):
        part = con.sql(
            f"""select {", ".join(HEAVY)} from ({current_sql((*HEAVY, "neighbourhood"))})
                semi join reached using (neighbourhood) anti join gone using (person_record_id)
                union all by name select {", ".join(FRESH_VALUES)} from fresh_rows"""
        ).to_arrow_table()
    with scratch() as matcher:
        take_part(con, matcher, part)
        matching = match_people(matcher, labels=to_matcher(labels), model=model, statistics=statistics, is_part=True)
        with _KEEP_DELETED.on(con):
            con.execute("delete from gone where person_record_id in (select person_record_id from now)")
        index = _write_index_files(con, matcher, matching)
        near = _near_labels(con, matcher=matcher, records=records, labels=labels, is_part=True)
        with _READ_LOOKED_AT.on(matcher):
            looked_at = matcher.sql(
                "select record_id as person_record_id from people union all from gone"
            ).to_arrow_table()
    return Resolved(
        matching,
        near_labels=near,
        looked_at=looked_at["person_record_id"].combine_chunks(),
        index=index,
        made_by=made_by,
    )


def _normalised(con: duckdb.DuckDBPyConnection, *, records: str, labels: pa.Table, statistics: Statistics) -> pa.Table:
    """The fresh records in comparable form with their keys: the rows of `FRESH_ROWS`."""
    fresh_records = con.sql(f"select * from ({records}) semi join fresh_ids using (person_record_id)").to_arrow_table()
    with scratch() as matcher:
        normalise(matcher, read_records(to_matcher(fresh_records)), statistics)
        take_labels(matcher, to_matcher(labels))
        create_keys(matcher)
        with _READ_FRESH.on(matcher):
            return matcher.sql(
                f"""select f.* exclude (rid), value_keys, loose_keys from ({formed_sql()}) f
                    join (select rid, {personal_keys_sql(only_loose=True)} as loose_keys from people) using (rid)
                    left join (select rid, list(key) as value_keys from value_keys group by rid) using (rid)"""
            ).to_arrow_table()


def _write_index_files(
    con: duckdb.DuckDBPyConnection, matcher: duckdb.DuckDBPyConnection, matching: Matching
) -> IndexFiles:
    """The files of the index, under the number of the run in the index itself: a run that changes no link has none in
    person_links. Makes `GONE` of the matcher."""
    with _READ_HASHES.on(con), _TAKE_HASHES.on(matcher) as step:
        step.put(HASHES, con.sql("select person_record_id, row_hash from now").to_arrow_table())
        step.put(LABEL_HASHES, con.sql("select * from label_hashes").to_arrow_table())
        step.put(GONE, con.sql("select person_record_id from gone").to_arrow_table())
    return write_files(matcher, matching.neighbourhood, run=int(read_state(PERSON_INDEX).get("run", -1)) + 1)


def _near_labels(
    con: duckdb.DuckDBPyConnection, *, matcher: duckdb.DuckDBPyConnection, records: str, labels: pa.Table, is_part: bool
) -> pa.Table:
    """The records of the neighbourhoods that labelled records are in, as given; `is_part`: others are in the index."""
    if not labels.num_rows:
        return con.sql(f"select * from ({records}) limit 0").to_arrow_table()
    with _READ_NEIGHBOURHOODS.on(matcher), (_NEAR_LABELS_OF_PART if is_part else _NEAR_LABELS).on(con) as step:
        looked_at = "select record_id as person_record_id, neighbourhood from people join noted using (rid)"
        step.put(_LOOKED_AT, matcher.sql(looked_at).to_arrow_table())
        if is_part:
            step.insert(
                _LOOKED_AT,
                """select person_record_id, neighbourhood from held
                   anti join looked_at using (person_record_id) anti join gone using (person_record_id)""",
            )
        return con.sql(
            f"""select * from ({records}) where person_record_id in (
                    select person_record_id from looked_at where neighbourhood in (
                        select neighbourhood from looked_at semi join label_hashes using (person_record_id)))"""
        ).to_arrow_table()


def _label_hashes(labels: pa.Table) -> pa.Table:
    """person_record_id, label_hash: what people judged of each record."""
    with duckdb.connect() as con:
        con.register("labels", labels)
        return con.sql(
            f"""select person_record_id, {short_hash("list(other || '=' || label order by other)")} as label_hash from (
                    select person_record_id_l as person_record_id, person_record_id_r as other, label from labels
                    union all select person_record_id_r, person_record_id_l, label from labels)
                group by person_record_id"""
        ).to_arrow_table()

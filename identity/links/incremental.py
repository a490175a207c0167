"""Who is who after records were added, changed or deleted: only what they can affect is resolved again.

`identity.update` calls `resolve_lake`, which looks at everything where it must (the first run, another matcher, model
or engine, more than a fifth of the records new) and otherwise at the neighbourhoods that the new records reach
(`affected_records`).
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import PERSON_INDEX, PERSON_STATISTICS
from identity.links.affected_records import candidates_sql, find_reached
from identity.links.matcher_columns import from_matcher, to_matcher
from identity.links.person_index import (
    CONFIGURATION,
    HEAVY,
    LAYOUT,
    LIGHT,
    PEOPLE,
    IndexFiles,
    current_sql,
    formed_sql,
    read_statistics,
    write_files,
)
from identity.matching.comparable.normalise import normalise
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import put, scratch, short_hash
from identity.matching.pairs import rules
from identity.matching.pairs.blocking import MAX_PROFILES, create_keys, personal_keys_sql
from identity.matching.pairs.person_model import PersonModel
from identity.matching.pairs.ties import judge
from identity.matching.person_records import SCHEMA, read_records
from identity.matching.resolve import Matching, match_people, prepare, take_labels
from lake.landing_state import as_metadata, read_state
from lake.sql.connections import connect
from lake.tables import table_version
from lake.writer import Commit, commit_files, overwrite

#: With more than this share of the records new, looking at everything costs less, and counts are due anyway.
MAX_NEW_SHARE = 0.2
_HELD = ("person_record_id", *PEOPLE, "holdings")
#: Columns of the lake's person records that the matcher reads.
_READ = {"person_record_id", *SCHEMA.names}


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
        con.execute(f"create table now as select person_record_id, {_row_hash(columns)} as row_hash from ({records})")
        put(con, "label_hashes", _label_hashes(labels))
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
    """Tables `held`, `fresh_ids` (new, changed, judged anew) and `gone` (deleted or changed).

    Returns False where everything is to be looked at.
    """
    con.execute(f"create table held as {current_sql(LIGHT)}")
    con.execute(
        """create table fresh_ids as
           select n.person_record_id from now n
           left join held h using (person_record_id) left join label_hashes l using (person_record_id)
           where h.person_record_id is null or h.row_hash <> n.row_hash or h.label_hash is distinct from l.label_hash"""
    )
    con.execute(
        """create table gone as
           select person_record_id from held
           where person_record_id in (from fresh_ids) or person_record_id not in (select person_record_id from now)"""
    )
    fresh, held = con.sql("select (select count(*) from fresh_ids), (select count(*) from held)").fetchall()[0]
    return bool(held) and fresh <= MAX_NEW_SHARE * held


def _resolve_all(
    con: duckdb.DuckDBPyConnection, records: str, *, labels: pa.Table, model: PersonModel, made_by: str
) -> Resolved:
    given = read_records(to_matcher(con.sql(records).to_arrow_table()))
    with scratch() as matcher:
        normalise(matcher, given)
        del given
        matching = match_people(matcher, labels=to_matcher(labels), model=model)
        con.execute("create or replace table gone (person_record_id varchar)")
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
    fresh = _normalised(con, records=records, labels=labels, statistics=statistics)
    put(con, "fresh_rows", fresh)
    con.execute(
        """create table fresh as
           select person_record_id, name, profile, is_somebody, keys, value_keys, loose_keys from fresh_rows"""
    )
    find_reached(con)
    _reach_by_ties(con, labels=labels, model=model, statistics=statistics)
    part = con.sql(
        f"""select {", ".join(HEAVY)} from ({current_sql((*HEAVY, "neighbourhood"))})
            semi join reached using (neighbourhood) anti join gone using (person_record_id)
            union all by name select {", ".join(_HELD)} from fresh_rows"""
    ).to_arrow_table()
    with scratch() as matcher:
        _take_part(con, matcher, part)
        matching = match_people(matcher, labels=to_matcher(labels), model=model, statistics=statistics, is_part=True)
        con.execute("delete from gone where person_record_id in (select person_record_id from now)")
        index = _write_index_files(con, matcher, matching)
        near = _near_labels(con, matcher=matcher, records=records, labels=labels, is_part=True)
        looked_at = matcher.sql("select record_id as person_record_id from people union all from gone").to_arrow_table()
    return Resolved(
        matching,
        near_labels=near,
        looked_at=looked_at["person_record_id"].combine_chunks(),
        index=index,
        made_by=made_by,
    )


def _normalised(con: duckdb.DuckDBPyConnection, *, records: str, labels: pa.Table, statistics: Statistics) -> pa.Table:
    """Fresh records in comparable form with their keys; `value_keys`: those by which they are neighbours at once;
    `loose_keys`: those that hold among few."""
    given = con.sql(f"select * from ({records}) semi join fresh_ids using (person_record_id)").to_arrow_table()
    with scratch() as matcher:
        normalise(matcher, read_records(to_matcher(given)), statistics)
        take_labels(matcher, to_matcher(labels))
        create_keys(matcher)
        return matcher.sql(
            f"""select f.* exclude (rid), value_keys, loose_keys from ({formed_sql()}) f
                join (select rid, {personal_keys_sql(only_loose=True)} as loose_keys from people) using (rid)
                left join (select rid, list(key) as value_keys from value_keys group by rid) using (rid)"""
        ).to_arrow_table()


def _reach_by_ties(
    con: duckdb.DuckDBPyConnection, *, labels: pa.Table, model: PersonModel, statistics: Statistics
) -> None:
    """Add to `reached` the neighbourhoods that a fresh record is tied to."""
    con.execute(f"create table candidates as {candidates_sql()}")
    put(con, "labelled_pairs", labels)
    con.execute(
        """insert into candidates
           select one, other from (
               select person_record_id_l as one, person_record_id_r as other from labelled_pairs
               union select person_record_id_r, person_record_id_l from labelled_pairs)
           where one in (from fresh_ids)"""
    )
    part = con.sql(
        f"""select {", ".join(HEAVY)} from ({current_sql(HEAVY)})
            where person_record_id in (select held from candidates) and person_record_id not in (from gone)
            union all by name
            select {", ".join(_HELD)} from fresh_rows where person_record_id in (select fresh from candidates)"""
    ).to_arrow_table()
    pairs = con.sql("select fresh, held from candidates").to_arrow_table()
    if not pairs.num_rows:
        return
    with scratch() as matcher:
        _take_part(con, matcher, part)
        kinds = prepare(
            matcher, model=model, labels=to_matcher(labels), statistics=statistics, is_each_alone=True, is_part=True
        )
        put(matcher, "given_pairs", pairs)
        matcher.execute(
            """create table pairs as
               select least(a.rid, b.rid) as l, greatest(a.rid, b.rid) as r, 0::bigint as keys
               from given_pairs join people a on a.record_id = fresh join people b on b.record_id = held
               where a.is_somebody and b.is_somebody and a.rid <> b.rid group by 1, 2"""
        )
        judge(matcher, model, kinds, population=statistics.population)
        tied = matcher.sql(
            """select record_id from people where rid in (
                   select unnest([l, r]) from judged where is_tie or is_labelled)"""
        ).to_arrow_table()
    put(con, "tied", from_matcher(tied))
    con.execute(
        """insert into reached select distinct neighbourhood from held semi join tied using (person_record_id)
           anti join reached using (neighbourhood)"""
    )


def _take_part(con: duckdb.DuckDBPyConnection, matcher: duckdb.DuckDBPyConnection, part: pa.Table) -> None:
    """Tables `people`, `holdings` and `lake_sizes` of a part of the lake: as counted for the keys in question, as noted
    in the index for all others."""
    put(matcher, "part", part)
    matcher.execute(
        f"""create table people as
            select row_number() over (order by person_record_id) - 1 as rid, person_record_id as record_id,
                   {", ".join(PEOPLE)} from part"""
    )
    matcher.execute(
        """create table holdings as
           select rid, item.kind as kind, item.value as value from (
               select rid, unnest(holdings) as item from part join people on record_id = person_record_id)"""
    )
    put(matcher, "counted", con.sql("select key, records, names, profiles from sizes_after").to_arrow_table())
    matcher.execute(
        f"""create table lake_sizes as
            select * from counted
            union all by name
            select key, max(names) as names, max(profiles) as profiles, 0 as records from (
                select unnest(crowded) as key, 0 as names, {MAX_PROFILES + 1} as profiles from part
                union all select unnest(guarded), {rules.MAX_NAMES + 1}, 0 from part)
            anti join counted using (key) group by key"""
    )


def _write_index_files(
    con: duckdb.DuckDBPyConnection, matcher: duckdb.DuckDBPyConnection, matching: Matching
) -> IndexFiles:
    """The files of the index, under the number of the run in the index itself: a run that changes no link has none in
    person_links. Makes the table `gone` of the matcher."""
    put(matcher, "hashes", con.sql("select person_record_id, row_hash from now").to_arrow_table())
    put(matcher, "label_hashes", con.sql("select * from label_hashes").to_arrow_table())
    put(matcher, "gone", con.sql("select person_record_id from gone").to_arrow_table())
    return write_files(matcher, matching.neighbourhood, run=int(read_state(PERSON_INDEX).get("run", -1)) + 1)


def _near_labels(
    con: duckdb.DuckDBPyConnection, *, matcher: duckdb.DuckDBPyConnection, records: str, labels: pa.Table, is_part: bool
) -> pa.Table:
    """The records of the neighbourhoods that labelled records are in, as given; `is_part`: others are in the index."""
    if not labels.num_rows:
        return con.sql(f"select * from ({records}) limit 0").to_arrow_table()
    looked_at = "select record_id as person_record_id, neighbourhood from people join noted using (rid)"
    put(con, "looked_at", matcher.sql(looked_at).to_arrow_table())
    if is_part:
        con.execute(
            """insert into looked_at select person_record_id, neighbourhood from held
               anti join looked_at using (person_record_id) anti join gone using (person_record_id)"""
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

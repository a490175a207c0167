"""Exact doubles: the same record with the same content, within a batch or against what the lake has.

They are dropped and counted. Compared is the content's hash, which says the key too; and since an exact double has
the same times, only those files of bronze are read whose times meet the batch's.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from ingestion.connectors.base import Overlap, literal, quoted
from ingestion.contract import Entity
from ingestion.staging import VERDICT, Staged
from lake.tables import scan, table_exists


@dataclass(frozen=True)
class Doubles:
    """Rows that are exact copies: of one another in the batch, or of rows the lake has."""

    known: int  # distinct contents that the lake has already
    copies_of_new: int
    copies_of_known: int

    def __add__(self, other: "Doubles") -> "Doubles":
        return Doubles(
            self.known + other.known,
            self.copies_of_new + other.copies_of_new,
            self.copies_of_known + other.copies_of_known,
        )

    @property
    def rows(self) -> int:
        """Rows to leave out."""
        return self.known + self.copies_of_new + self.copies_of_known


def find_doubles(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, with_quarantine: bool = True
) -> Doubles:
    """Fill the temporary table `doubles` (filename, file_row_number) with the rows of a batch to leave out.

    Good rows are compared by content with each other and with bronze; an exact double has the same times, so that
    bronze files outside the batch's times are not read. Refused rows are compared with the open quarantine.
    """
    connection.execute("create or replace temp table doubles (filename varchar, file_row_number bigint)")
    rejected = _rejected_doubles(connection, entity, staged)
    if not staged.files:
        return rejected
    total, distinct = connection.execute(
        f"select count(*), count(distinct hash(content_hash)) from {staged.scan()}"
    ).fetchone() or (0, 0)
    known = _known_contents(connection, entity, staged, with_quarantine)
    if total == distinct and not known:
        return rejected
    connection.execute(
        f"""create or replace temp table doubles as
            select filename, file_row_number, content_hash, is_known from (
                select s.filename, s.file_row_number, s.content_hash, k.content_hash is not null as is_known,
                    row_number() over (partition by s.content_hash order by s.filename, s.file_row_number) as copy
                from {staged.scan()} s left join known_contents k using (content_hash))
            where is_known or copy > 1"""
    )
    rows, distinct_known, rows_known = connection.execute(
        """select count(*), count(distinct content_hash) filter (where is_known), count(*) filter (where is_known)
           from doubles"""
    ).fetchone() or (0, 0, 0)
    return rejected + Doubles(distinct_known, rows - rows_known, rows_known - distinct_known)


def _rejected_doubles(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> Doubles:
    """Doubles among the rows that no parser could read; `rejected` keeps one of each that quarantine lacks."""
    known = "select null::varchar where false"
    if table_exists(entity.quarantine_table):
        known = f"select refused_id from {scan(entity.quarantine_table)} where batch_id <> {literal(staged.batch_id)}"
    connection.execute(
        f"""create or replace temp table rejected_groups as
            select raw, min(source_file) as source_file, min(source_position) as source_position, count(*) as copies,
                md5(raw) in ({known}) as is_known
            from rejected group by raw"""
    )
    connection.execute(
        """create or replace temp table rejected as
           select raw, source_file, source_position from rejected_groups where not is_known"""
    )
    row = connection.execute(
        """select count(*) filter (where is_known), coalesce(sum(copies - 1) filter (where not is_known), 0),
               coalesce(sum(copies - 1) filter (where is_known), 0) from rejected_groups"""
    ).fetchone()
    return Doubles(0, 0, 0) if row is None else Doubles(*map(int, row))


def _known_contents(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, with_quarantine: bool
) -> int:
    """Fill `known_contents` with the batch's contents that bronze or quarantine has; returns how many."""
    connection.execute("create or replace temp table known_contents (content_hash varchar)")
    if table_exists(entity.table):
        low_event, high_event, low_known, high_known = (
            connection.execute(
                f"""select min(event_at), max(event_at), min(known_at), max(known_at)
                from {staged.scan()} where {VERDICT} is null"""
            ).fetchone()
            or (None,) * 4
        )
        if low_event is not None:
            bounds = [_between("event_at", low_event, high_event)]
            bounds += [_between("known_at", low_known, high_known)] if entity.known_at else []
            connection.execute(
                f"""insert into known_contents select distinct content_hash from {scan(entity.table)}
                    where {" and ".join(bounds)} and content_hash in
                        (select content_hash from {staged.scan()} where {VERDICT} is null)"""
            )
    if with_quarantine and staged.has_refused and table_exists(entity.quarantine_table):
        connection.execute(
            f"""insert into known_contents select distinct refused_id from {scan(entity.quarantine_table)}
                where batch_id <> {literal(staged.batch_id)}
                    and refused_id in (select content_hash from {staged.scan()} where {VERDICT} is not null)"""
        )
    return int((connection.execute("select count(*) from known_contents").fetchone() or (0,))[0])


def known_in_batch(connection: duckdb.DuckDBPyConnection, entity: Entity, batch_id: str) -> int:
    """How many of the contents that are known already came with one earlier batch."""
    tables = [(entity.table, "content_hash"), (entity.quarantine_table, "refused_id")]
    found = " union ".join(
        f"select {name} as content_hash from {scan(table)} where batch_id = {literal(batch_id)}"
        for table, name in tables
        if table_exists(table)
    )
    row = connection.execute(f"select count(*) from known_contents semi join ({found}) using (content_hash)").fetchone()
    return 0 if row is None else int(row[0])


def _between(column: str, low: datetime, high: datetime) -> str:
    return f"{column} between timestamptz '{low.isoformat(sep=' ')}' and timestamptz '{high.isoformat(sep=' ')}'"


def copies_in_overlap(connection: duckdb.DuckDBPyConnection, staged: Staged, overlap: Overlap) -> int:
    """How many exact doubles are among the rows that the next batch will read again."""
    if not staged.files:
        return 0
    row = connection.execute(
        f"""select count(*) - count(distinct content_hash) from {staged.scan()}
            where coalesce({quoted(overlap.column)} > timestamptz {literal(overlap.start)}, true)"""
    ).fetchone()
    return 0 if row is None else int(row[0])

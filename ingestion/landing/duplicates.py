"""Exact doubles: the same record with the same content, within a batch or against what the lake has.

They are dropped and counted. Content is compared by its hash, and hashes that occur twice by key as well. Since an
exact double has the same times, only those files of bronze are read whose times meet the batch's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from contracts.contract_file import Entity
from ingestion.connectors.base import Overlap
from ingestion.landing import versions
from ingestion.landing.staging import Staged
from lake.data_files import may_hold
from lake.sql.text import literal, quoted
from lake.tables import open_table, scan, table_exists

Hashes = npt.NDArray[np.int64]

#: Hashes compared at once: 8 bytes each, sorted by NumPy in half the CPU of a grouping by DuckDB.
PASS_ROWS = 16_000_000


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
    """Fill the table `doubles` (filename, file_row_number) with the good rows of a batch to leave out.

    Refused rows are compared with each other and with the open quarantine: `refused` keeps one of each that it lacks.
    """
    refused = _refused_doubles(connection, entity, staged) if with_quarantine else Doubles(0, 0, 0)
    if staged.is_changes:
        return refused + Doubles(*versions.order_changes(connection, entity, staged))
    # What comes out of quarantine came before: it does not follow a delete.
    has_deleted = versions.find_returned(connection, entity, staged, follows=with_quarantine)
    return refused + _good_doubles(connection, entity, staged, has_deleted=has_deleted)


def _good_doubles(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, has_deleted: bool
) -> Doubles:
    connection.execute("create or replace temp table doubles (filename varchar, file_row_number bigint)")
    connection.execute("create or replace temp table known_contents (record_id varchar, content_hash bigint)")
    # What came back after a delete is known later than its content says.
    here = _rows_of_that_time(entity, staged, ("event_at",) if has_deleted else ("event_at", "known_at"))
    doubtful = np.concatenate(list(_doubtful(connection, staged, here)) or [np.empty(0, np.int64)])
    if not len(doubtful):
        return Doubles(0, 0, 0)
    connection.register("doubtful", {"content_hash": doubtful})
    if here is not None:
        connection.execute(
            f"""insert into known_contents select distinct record_id, content_hash
                from (select record_id, content_hash, known_at from {here}
                    and content_hash in (select content_hash from doubtful))
                {versions.SINCE_DELETED if has_deleted else ""}"""
        )
    connection.execute(
        f"""create or replace temp table doubles as
            select filename, file_row_number, record_id, content_hash, is_known from (
                select s.filename, s.file_row_number, s.record_id, s.content_hash, k.record_id is not null as is_known,
                    row_number() over (partition by s.record_id, s.content_hash
                        order by s.filename, s.file_row_number) as copy
                from (select * from {staged.scan()} where content_hash in (select content_hash from doubtful)) s
                    left join known_contents k using (record_id, content_hash))
            where is_known or copy > 1"""
    )
    connection.unregister("doubtful")
    rows, known, rows_known = connection.execute(
        """select count(*), count(distinct (record_id, content_hash)) filter (where is_known),
               count(*) filter (where is_known)
           from doubles"""
    ).fetchone() or (0, 0, 0)
    return Doubles(known, rows - rows_known, rows_known - known)


def _rows_of_that_time(entity: Entity, staged: Staged, columns: tuple[str, ...]) -> str | None:
    """SQL `<bronze> where <the batch's times>`; None where bronze can have none of the batch's rows."""
    table = open_table(entity.table) if staged.files else None
    if table is None:
        return None
    bounds, times = {}, []
    for name in columns if entity.known_at else columns[:1]:
        # The files' own statistics: no file is read for it.
        found = [file.bounds[name] for file in staged.files if name in file.bounds]
        low, high = min(low for low, _ in found), max(high for _, high in found)
        bounds[name] = low, high
        times.append(f"{name} between timestamptz {literal(low)} and timestamptz {literal(high)}")
    if not may_hold(table, bounds):
        return None
    return f"{scan(entity.table)} where {' and '.join(times)}"


def _doubtful(connection: duckdb.DuckDBPyConnection, staged: Staged, here: str | None) -> Iterator[Hashes]:
    """Hashes that occur twice in the batch, or in bronze too: nearly always none."""
    passes = -(-staged.rows // PASS_ROWS)
    for number in range(passes):
        part = "true" if passes == 1 else f"content_hash % {passes} = {number}"
        result = connection.execute(f"select content_hash from {staged.scan()} where {part}").fetchnumpy()
        mine: Hashes = np.sort(np.asarray(result["content_hash"]))
        yield np.unique(mine[1:][mine[1:] == mine[:-1]])
        if here is None:
            continue
        reader = connection.execute(f"select content_hash from {here} and {part}").to_arrow_reader(1_000_000)
        for batch in reader:
            theirs = np.sort(batch.column(0).to_numpy(zero_copy_only=False))
            found = mine[np.minimum(np.searchsorted(mine, theirs), len(mine) - 1)]
            yield np.unique(theirs[theirs == found])


def _refused_doubles(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> Doubles:
    connection.execute("create or replace temp table known_refused (refused_id varchar)")
    if not staged.refused:
        return Doubles(0, 0, 0)
    if table_exists(entity.quarantine_table):
        connection.execute(
            f"""insert into known_refused select distinct refused_id from {scan(entity.quarantine_table)}
                where batch_id <> {literal(staged.batch_id)} and refused_id in (select refused_id from refused)"""
        )
    row = connection.execute(
        """select count(*) filter (where is_known), coalesce(sum(copies - 1) filter (where not is_known), 0),
               coalesce(sum(copies - 1) filter (where is_known), 0)
           from (select refused_id in (select refused_id from known_refused) as is_known, count(*) as copies
                 from refused group by refused_id)"""
    ).fetchone() or (0, 0, 0)
    connection.execute(
        """create or replace temp table refused as
           select verdict, min(source_file) as source_file, min(source_position) as source_position, raw, refused_id,
               any_value(keys) as keys
           from refused where refused_id not in (select refused_id from known_refused)
           group by verdict, raw, refused_id"""
    )
    return Doubles(*map(int, row))


def known_in_batches(connection: duckdb.DuckDBPyConnection, entity: Entity, batch_ids: Sequence[str]) -> int:
    """How many of the contents that are known already came with some earlier batches."""
    found, batches = 0, ", ".join(map(literal, batch_ids))
    for table, known, names in (
        (entity.table, "known_contents", "record_id, content_hash"),
        (entity.quarantine_table, "known_refused", "refused_id"),
    ):
        if table_exists(table):
            row = connection.execute(
                f"""select count(*) from {known} semi join
                    (select {names} from {scan(table)} where batch_id in ({batches})) using ({names})"""
            ).fetchone()
            found += int(row[0]) if row else 0
    return found


def copies_in_overlap(connection: duckdb.DuckDBPyConnection, staged: Staged, overlap: Overlap) -> int:
    """How many exact doubles are among the rows that the next batch will read again."""
    start = f"timestamptz {literal(overlap.start)}"
    refused = f"try_cast(json_extract_string(raw, '$.\"' || {literal(overlap.column)} || '\"') as timestamptz)"
    counts = [f"select count(*) - count(distinct raw) from refused where coalesce({refused} > {start}, true)"]
    if staged.files:
        counts.append(
            f"""select count(*) - count(distinct (record_id, content_hash)) from {staged.scan()}
                where coalesce({quoted(overlap.column)} > {start}, true)"""
        )
    return sum(int((connection.execute(count).fetchone() or (0,))[0]) for count in counts)

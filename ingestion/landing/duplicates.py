"""Exact duplicates: the same record with the same content, within a batch or against what the lake has.

They are dropped and counted. Content is compared by its hash, and hashes that occur twice by key as well. Since an
exact duplicate has the same times, only those files of bronze are read whose times meet the batch's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from contracts.contract_file import Entity
from ingestion.connectors.base import Overlap
from ingestion.landing import versions
from ingestion.landing.staging import DUPLICATES, REJECTED, Staged
from lake.data_files import may_hold
from lake.sql.rows import single_row, single_value
from lake.sql.scratch import Computation, Scratch, ScratchTable
from lake.sql.text import literal, quoted
from lake.tables import open_table, scan, table_exists

Hashes = npt.NDArray[np.int64]

#: Hashes compared at once: 8 bytes each, sorted by NumPy in half the CPU of a grouping by DuckDB.
PASS_ROWS = 16_000_000
#: Contents of good rows, and ids of rejected ones, that the lake has from earlier batches.
_KNOWN_CONTENTS = ScratchTable("known_contents", {"record_id": "varchar", "content_hash": "bigint"})
_KNOWN_REJECTED = ScratchTable("known_rejected", {"refused_id": "varchar"})
#: The duplicates with their content: the second and later ones of the batch, and all that bronze has.
_COPIES = ScratchTable("copies", {**DUPLICATES.columns, **_KNOWN_CONTENTS.columns, "is_known": "boolean"})
_FIND_GOOD = Computation(
    "find the duplicates of good rows",
    reads=(versions.BURIED,),
    makes=(DUPLICATES, _KNOWN_CONTENTS),
    inner=(_COPIES,),
)
_FIND_REJECTED = Computation("find the duplicates of rejected rows", makes=(_KNOWN_REJECTED,), changes=(REJECTED,))
_COUNT_KNOWN = Computation("count the known contents by batch", reads=(_KNOWN_CONTENTS, _KNOWN_REJECTED))


@dataclass(frozen=True)
class Duplicates:
    """Rows that are exact copies: of one another in the batch, or of rows the lake has."""

    distinct_known: int  # distinct contents that the lake has already
    copies_of_new: int
    copies_of_known: int

    def __add__(self, other: "Duplicates") -> "Duplicates":
        return Duplicates(
            self.distinct_known + other.distinct_known,
            self.copies_of_new + other.copies_of_new,
            self.copies_of_known + other.copies_of_known,
        )

    @property
    def rows(self) -> int:
        """Rows to leave out."""
        return self.distinct_known + self.copies_of_new + self.copies_of_known


def find_duplicates(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, with_quarantine: bool = True
) -> Duplicates:
    """Make the table `DUPLICATES` of the good rows of a batch to leave out.

    Rejected rows are compared with each other and with the open quarantine: `rejected` keeps one of each that it lacks.
    """
    rejected = _rejected_duplicates(connection, entity, staged) if with_quarantine else Duplicates(0, 0, 0)
    if staged.is_changes:
        return rejected + Duplicates(*versions.order_changes(connection, entity, staged))
    # What comes out of quarantine came before: it does not follow a delete.
    has_deleted = versions.find_returned(connection, entity, staged, follows=with_quarantine)
    return rejected + _good_duplicates(connection, entity, staged, has_deleted=has_deleted)


def _good_duplicates(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, has_deleted: bool
) -> Duplicates:
    with _FIND_GOOD.on(connection) as scratch:
        scratch.make_empty(DUPLICATES)
        scratch.make_empty(_KNOWN_CONTENTS)
        # What came back after a delete is known later than its content says.
        here = _rows_of_that_time(entity, staged, ("event_at",) if has_deleted else ("event_at", "known_at"))
        doubtful = np.concatenate(list(_doubtful(connection, staged, here)) or [np.empty(0, np.int64)])
        if not len(doubtful):
            return Duplicates(0, 0, 0)
        connection.register("doubtful", {"content_hash": doubtful})
        if here is not None:
            scratch.insert(
                _KNOWN_CONTENTS,
                f"""select distinct record_id, content_hash
                    from (select record_id, content_hash, known_at from {here}
                        and content_hash in (select content_hash from doubtful))
                    {versions.SINCE_DELETED if has_deleted else ""}""",
            )
        copies = _copies(scratch, staged)
        connection.unregister("doubtful")
    return copies


def _copies(scratch: Scratch, staged: Staged) -> Duplicates:
    """Make `DUPLICATES` of the rows whose content is among the doubtful ones."""
    scratch.make(
        _COPIES,
        f"""select filename, file_row_number, record_id, content_hash, is_known from (
                select s.filename, s.file_row_number, s.record_id, s.content_hash, k.record_id is not null as is_known,
                    row_number() over (partition by s.record_id, s.content_hash
                        order by s.filename, s.file_row_number) as copy
                from (select * from {staged.scan()} where content_hash in (select content_hash from doubtful)) s
                    left join known_contents k using (record_id, content_hash))
            where is_known or copy > 1""",
    )
    scratch.insert(DUPLICATES, "select filename, file_row_number from copies")
    rows, known_rows, rows_known = single_row(
        scratch.connection,
        """select count(*), count(distinct (record_id, content_hash)) filter (where is_known),
               count(*) filter (where is_known)
           from copies""",
    )
    return Duplicates(known_rows, rows - rows_known, rows_known - known_rows)


def _rows_of_that_time(entity: Entity, staged: Staged, columns: tuple[str, ...]) -> str | None:
    """SQL `<bronze> where <the batch's times>`; None where bronze can have none of the batch's rows."""
    table = open_table(entity.table) if staged.files else None
    if table is None:
        return None
    bounds, times = {}, []
    for name in columns if entity.known_at else columns[:1]:
        # The files' own statistics: no file is read for it.
        spans = [file.bounds[name] for file in staged.files if name in file.bounds]
        low, high = min(low for low, _ in spans), max(high for _, high in spans)
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
            nearest = mine[np.minimum(np.searchsorted(mine, theirs), len(mine) - 1)]
            yield np.unique(theirs[theirs == nearest])


def _rejected_duplicates(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> Duplicates:
    with _FIND_REJECTED.on(connection) as scratch:
        scratch.make_empty(_KNOWN_REJECTED)
        if not staged.rejected:
            return Duplicates(0, 0, 0)
        if table_exists(entity.quarantine_table):
            scratch.insert(
                _KNOWN_REJECTED,
                f"""select distinct refused_id from {scan(entity.quarantine_table)}
                    where batch_id <> {literal(staged.batch_id)} and refused_id in (select refused_id from rejected)""",
            )
        row = single_row(
            connection,
            """select count(*) filter (where is_known), coalesce(sum(copies - 1) filter (where not is_known), 0),
                   coalesce(sum(copies - 1) filter (where is_known), 0)
               from (select refused_id in (select refused_id from known_rejected) as is_known, count(*) as copies
                     from rejected group by refused_id)""",
        )
        scratch.make(
            REJECTED,
            """select verdict, min(source_file) as source_file, min(source_position) as source_position, raw,
                   any_value(keys) as keys, refused_id
               from rejected where refused_id not in (select refused_id from known_rejected)
               group by verdict, raw, refused_id""",
        )
    return Duplicates(*map(int, row))


def known_in_batches(connection: duckdb.DuckDBPyConnection, entity: Entity, batch_ids: Sequence[str]) -> int:
    """How many of the contents that are known already came with some earlier batches."""
    count, batches = 0, ", ".join(map(literal, batch_ids))
    with _COUNT_KNOWN.on(connection):
        for table, contents in ((entity.table, _KNOWN_CONTENTS), (entity.quarantine_table, _KNOWN_REJECTED)):
            if table_exists(table):
                names = ", ".join(contents.columns)
                count += single_value(
                    connection,
                    f"""select count(*) from {contents.name} semi join
                        (select {names} from {scan(table)} where batch_id in ({batches})) using ({names})""",
                )
    return count


def copies_in_overlap(connection: duckdb.DuckDBPyConnection, staged: Staged, overlap: Overlap) -> int:
    """How many exact duplicates are among the rows that the next batch will read again."""
    start = f"timestamptz {literal(overlap.start)}"
    rejected = f"try_cast(json_extract_string(raw, '$.\"' || {literal(overlap.column)} || '\"') as timestamptz)"
    counts = [f"select count(*) - count(distinct raw) from rejected where coalesce({rejected} > {start}, true)"]
    if staged.files:
        counts.append(
            f"""select count(*) - count(distinct (record_id, content_hash)) from {staged.scan()}
                where coalesce({quoted(overlap.column)} > {start}, true)"""
        )
    return sum(single_value(connection, count) for count in counts)

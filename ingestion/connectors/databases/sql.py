"""SQL databases by ADBC (SQLite, PostgreSQL): new and changed rows by watermark.

A batch is a range of the watermark with whole ties: rows that share one `updated_at` are never parted, however many
they are; they stream, so that memory is bounded all the same. Rows just before the cursor are read again (`OVERLAP`:
a transaction that began earlier may commit later); what is here already is neither landed nor counted twice. Rows
whose watermark is null, no time or far ahead are read every time: no range holds them, and they must not carry the
cursor past rows still to come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import pyarrow as pa

from contracts.contract_file import ContractError, Entity
from ingestion.connectors.base import Cursor, Delivery, Indivisible, Overlap, SourceError
from ingestion.connectors.databases.dialects import Columns, Dialect
from ingestion.connectors.databases.watermarks import Mark, instant, overlap_start
from ingestion.landing import drift
from lake import clock
from lake.sql.text import literal, quoted

#: How far before the cursor rows are read again; no transaction of a source should last longer.
OVERLAP = timedelta(hours=1)
#: Rows of one batch, about: ties stay together.
BATCH_ROWS = 2_000_000
#: A watermark further ahead of the clock is a clock gone wrong.
AHEAD = timedelta(days=1)
_UNREADABLE = pa.schema([("raw", pa.string())])


def mark_of(dialect: Dialect, entity: Entity, columns: Columns) -> Mark:
    """The entity's watermark in its table, under whichever of its names."""
    name = entity.column(entity.watermark or "").name_in(columns)
    return dialect.mark(name, columns.get(name, ""))


@dataclass(frozen=True)
class Look:
    """A quick look at the table: its newest watermark, those in the overlap before it, rows outside any range."""

    newest: str | None
    in_overlap: str
    odd: int


class DatabaseConnector(Indivisible):
    """What the ways of reading a table share: one connection, and its own words where that breaks off."""

    def __init__(self, dialect: Dialect, entity: Entity) -> None:
        self.dialect = dialect
        self.entity = entity
        self.table = quoted(entity.physical_name)

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Nothing can be parted from the rest; a database that broke off is reported as itself, not as DuckDB's
        error.
        """
        if self.dialect.broken is not None:
            raise self.dialect.broken
        return False

    def close(self) -> None:
        """Close the connection to the source."""
        self.dialect.close()


class SqlConnector(DatabaseConnector):
    """One entity's table, read by the watermark its contract names."""

    stream = "sql"
    is_live = False
    is_stream = False

    def __init__(self, dialect: Dialect, entity: Entity, overlap: timedelta = OVERLAP) -> None:
        if entity.watermark is None:
            raise ContractError(
                f"{entity.source}/{entity.name}: a table is read by a watermark, and the contract names none",
                cure="set `watermark` to the column that grows with every change of a row",
            )
        super().__init__(dialect, entity)
        self.watermark = entity.watermark
        self.overlap = overlap
        self._known_columns: Columns = {}
        self._read_to: str | None = None  # upper end of the range this run has read

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether the newest watermark, those before it or the rows outside any range differ from the cursor's."""
        self._known_columns = {}
        watermark = (cursor or {}).get("watermark")
        look = self._look(watermark)
        if cursor is None:
            return look.newest is not None or look.odd > 0
        return look != Look(watermark, cursor["in_overlap"], cursor["odd"])

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next range of the watermark, its lower end an overlap before the cursor."""
        is_first = self._read_to is None
        if is_first and not self.has_new(cursor):
            return None
        before = (cursor or {}).get("watermark")
        after = self._overlap_start(before) if is_first else self._read_to
        upper = self._upper(after)
        if upper is None and not is_first:
            return None
        mark = self._mark()
        where = "false" if upper is None else mark.between(after, upper)
        if is_first:
            where = f"({where}) or {mark.is_odd(self._ceiling())}"
        newest = upper or before
        look = self._look(newest)
        self._read_to = upper or after or ""
        columns = self._columns()
        drift.require_columns(self.entity, columns)
        reader = self.dialect.rows(self.table, columns, where)
        connection.register("sql_rows", reader)
        connection.register("sql_unreadable", pa.RecordBatchReader.from_batches(_UNREADABLE, self._unreadable()))
        return Delivery(
            query=self.dialect.query("sql_rows", columns, self.entity.physical_name),
            columns=self.dialect.types(connection, reader.schema),
            cursor={"watermark": newest, "in_overlap": look.in_overlap, "odd": look.odd},
            # A row with the content and the watermark of a known one is that one: an overlap may span batches, and a
            # run that was cut may have gone back.
            is_reread=True,
            duplicates_before=int((cursor or {}).get("doubled", 0)) if is_first else None,
            rejected=f"""select raw, {literal(self.entity.physical_name)} as source_file,
                null::bigint as source_position, false as is_escaped from sql_unreadable""",
            overlap=Overlap(self.watermark, self._overlap_start(newest) or "0001-01-01"),
        )

    def _columns(self) -> Columns:
        if not self._known_columns:
            columns = self.dialect.columns(self.entity.physical_name)
            if not columns:
                raise SourceError(
                    f"{self.entity.source}: there is no table {self.entity.physical_name!r} at {self.dialect.place}",
                    cure="ask the source's owner, or correct `physicalName` in the contract",
                )
            self._known_columns = columns
        return self._known_columns

    def _mark(self) -> Mark:
        return mark_of(self.dialect, self.entity, self._columns())

    def _look(self, watermark: str | None) -> Look:
        """Three questions that an index answers each; the overlap is not asked for before the first landing."""
        mark, ceiling = self._mark(), self._ceiling()
        start = self._overlap_start(watermark)
        newest = mark.newest(mark.between(start, ceiling), self.table)
        in_overlap = mark.fingerprint(mark.between(start, ceiling), self.table) if start else "select ''"
        odd = f"select count(*) from {self.table} where {mark.is_odd(ceiling)}"
        row = self.dialect.one(f"select ({newest}), ({in_overlap}), ({odd})")
        return Look(row[0] or watermark, str(row[1]), int(row[2]))

    def _upper(self, after: str | None) -> str | None:
        mark = self._mark()
        condition = mark.between(after, self._ceiling())
        row = self.dialect.one(mark.nth(BATCH_ROWS, condition, self.table))
        row = row or self.dialect.one(mark.newest(condition, self.table))
        return None if row[0] is None else str(row[0])

    def _ceiling(self) -> str:
        return instant(clock.now() + AHEAD)

    def _overlap_start(self, watermark: str | None) -> str | None:
        return None if watermark is None else overlap_start(watermark, self.overlap)

    def _unreadable(self) -> Iterator[pa.RecordBatch]:
        """Rows that are not UTF-8: asked for after the others have been read."""
        yield pa.record_batch([pa.array(self.dialect.unreadable, pa.string())], schema=_UNREADABLE)

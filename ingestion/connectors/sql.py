"""SQL databases by ADBC (SQLite, PostgreSQL): new and changed rows by watermark.

A batch is a range of the watermark with whole ties: rows that share one `updated_at` are never parted, however many
they are. Rows just before the cursor are read again (`OVERLAP`: a transaction that began earlier may commit
later); what is here already is neither landed nor counted twice. Rows whose watermark is null, no time or far
ahead are read every time: no range holds them, and they must not carry the cursor past rows still to come.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb

from ingestion import drift
from ingestion.connectors.base import Cursor, Delivery, Indivisible, Overlap, SourceError, literal, quoted
from ingestion.connectors.dialects import Dialect
from ingestion.contract import ContractError, Entity
from lake import clock

#: How far before the cursor rows are read again; no transaction of a source should last longer.
OVERLAP = timedelta(hours=1)
#: Rows of one batch, about: ties stay together.
BATCH_ROWS = 2_000_000
#: A watermark further ahead of the clock is a clock gone wrong.
AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Look:
    """A quick look at the table: its newest watermark, rows in the overlap before it, rows outside any range."""

    newest: str | None
    in_overlap: int
    odd: int


class SqlConnector(Indivisible):
    """One entity's table, read by the watermark its contract names."""

    stream = "sql"
    is_live = False

    def __init__(self, dialect: Dialect, entity: Entity) -> None:
        if entity.watermark is None:
            raise ContractError(
                f"{entity.source}/{entity.name}: a table is read by a watermark, and the contract names none",
                cure="set `watermark` to the column that grows with every change of a row",
            )
        self.dialect = dialect
        self.entity = entity
        self.watermark = dialect.watermark(entity.watermark)
        self._read_to: str | None = None  # upper end of the range this run has read

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether the newest watermark, the rows before it or the rows outside any range differ from the cursor's."""
        look = self._look(cursor)
        if cursor is None:
            return look.newest is not None or look.odd > 0
        return look != Look(cursor["watermark"], cursor["in_overlap"], cursor["odd"])

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next range of the watermark, its lower end an overlap before the cursor."""
        is_first = self._read_to is None
        if is_first and not self.has_new(cursor):
            return None
        names = self._columns()
        after = self._overlap_start((cursor or {}).get("watermark")) if is_first else self._read_to
        upper = self._upper(after)
        if upper is None and not is_first:
            return None
        where = "false" if upper is None else f"{self._between(after)} and {self.watermark} <= {literal(upper)}"
        if is_first:
            where = f"({where}) or {self._is_odd()}"
        newest = upper or (cursor or {}).get("watermark")
        look = self._look({"watermark": newest})
        self._read_to = upper or after or ""
        reader = self.dialect.rows(self._from(), names, where)
        connection.register("sql_rows", reader)
        start = self._overlap_start(newest)
        return Delivery(
            query=self.dialect.query("sql_rows", names, self.entity.physical_name),
            columns=self.dialect.types(connection, reader.schema),
            cursor={"watermark": newest, "in_overlap": look.in_overlap, "odd": look.odd},
            is_reread=is_first and cursor is not None,
            doubles_before=int((cursor or {}).get("doubled", 0)),
            overlap=Overlap(self.entity.watermark or "", start or "0001-01-01"),
        )

    def close(self) -> None:
        """Close the connection to the source."""
        self.dialect.close()

    def _columns(self) -> list[str]:
        names = self.dialect.columns(self.entity.physical_name)
        if not names:
            raise SourceError(
                f"{self.entity.source}: there is no table {self.entity.physical_name!r} at {self.dialect.place}",
                cure="ask the source's owner, or correct `physicalName` in the contract",
            )
        drift.require_columns(self.entity, names)
        return names

    def _look(self, cursor: Cursor | None) -> Look:
        start = self._overlap_start((cursor or {}).get("watermark"))
        row = self._one(
            f"""select max(case when {self._in_range()} then {self.watermark} end),
                    coalesce(sum(case when {self._between(start)} then 1 else 0 end), 0),
                    coalesce(sum(case when {self._is_odd()} then 1 else 0 end), 0)
                from {self._from()}"""
        )
        return Look(None if row[0] is None else str(row[0]), int(row[1]), int(row[2]))

    def _upper(self, after: str | None) -> str | None:
        rows, newest = self._one(
            f"select count(*), max({self.watermark}) from {self._from()} where {self._between(after)}"
        )
        if rows > BATCH_ROWS:
            (newest,) = self._one(
                f"""select max(mark) from (select {self.watermark} as mark from {self._from()}
                    where {self._between(after)} order by 1 limit {BATCH_ROWS}) ranked"""
            )
        return None if newest is None else str(newest)

    def _in_range(self) -> str:
        ceiling = self.dialect.instant(clock.now() + AHEAD, like=None)
        return f"({self.dialect.is_time(self.watermark)} and {self.watermark} <= {literal(ceiling)})"

    def _is_odd(self) -> str:
        return f"coalesce(not {self._in_range()}, true)"

    def _between(self, after: str | None) -> str:
        return self._in_range() + (f" and {self.watermark} > {literal(after)}" if after else "")

    def _overlap_start(self, watermark: str | None) -> str | None:
        if watermark is None:
            return None
        return self.dialect.instant(self.dialect.parse(watermark) - OVERLAP, like=watermark)

    def _from(self) -> str:
        return quoted(self.entity.physical_name)

    def _one(self, query: str) -> tuple[Any, ...]:
        return self.dialect.one(query)

"""PostgreSQL by logical replication: a snapshot of the table first, then every change in the order of commits.

Flow: create the slot -> land the table as one snapshot shows it -> peek at changes -> land them with their position in
the cursor -> advance the slot, which is the acknowledgement. Peeking takes nothing away: after a crash the same
changes are given again, and the cursor says which of them are landed. Transactions that the snapshot shows are passed
over, so that the two parts neither overlap nor leave a gap. Changes are spooled to a file as they come: memory is
bounded however large a transaction is.
"""

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.contract_file import Entity
from contracts.deletes import IS_DELETED
from ingestion.connectors.base import Cursor, Delivery
from ingestion.connectors.databases.dialects import PostgreSql
from ingestion.connectors.databases.pgoutput import Decoder, UnusableChangeError
from ingestion.connectors.databases.slots import Slot, landed_before, number, text
from ingestion.connectors.databases.sql import DatabaseConnector, SqlConnector
from ingestion.landing import drift
from ingestion.landing.drift import DriftError
from lake.sql.text import literal
from lake.tables import table_exists
from lake.temporary_folders import temporary_folder

#: Messages of one batch, about: a transaction is never parted.
BATCH_CHANGES = 200_000
#: So much of the log is held back for a table that does not change, until a commit without rows moves its cursor on.
IDLE_BYTES = 64 << 20
_SPOOL = pa.schema([("line", pa.string()), ("is_deleted", pa.bool_()), ("seq", pa.int64())])


class ChangesConnector(DatabaseConnector):
    """One entity's table and its changes, by a slot of its own."""

    stream = "changes"
    is_live = False
    is_stream = False
    dialect: PostgreSql

    def __init__(self, dialect: PostgreSql, entity: Entity, prefix: str | None = None) -> None:
        super().__init__(dialect, entity)
        self.snapshot = SqlConnector(dialect, entity)
        self.slot = Slot(dialect, entity, prefix)
        self._shown: str | None = None  # the snapshot this run reads
        self._is_snapshot_read = False
        self._is_taken_again = False
        self._spooled: tempfile.TemporaryDirectory[str] | None = None

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a change waits, or so much of the log that the source should be let go of it."""
        if cursor is None or "lsn" not in cursor:
            return True
        end = self.slot.end_of_log()
        self.slot.require_place(cursor["lsn"], end)
        if number(end) - number(cursor["lsn"]) > IDLE_BYTES:
            return True
        self.slot.advance(cursor["lsn"])
        return self.slot.has_rows(end)

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next part of the snapshot, or the next changes."""
        self.slot.require_source()
        if cursor is None or "lsn" not in cursor:
            delivery = self._read_snapshot(connection, cursor)
            if delivery is not None:
                return delivery
        return self._read_changes(cursor)

    def close(self) -> None:
        """Close the connection and remove what was spooled; the slot stays."""
        super().close()
        if self._spooled is not None:
            self._spooled.cleanup()
            self._spooled = None

    def _read_snapshot(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        if self._is_snapshot_read:
            return None
        if cursor is None:
            if not self.slot.exists():
                self.slot.make()
            self._shown = self.slot.begin_snapshot()
            self._is_taken_again = table_exists(self.entity.table)
        # A snapshot that was cut short goes on by watermark; which changes follow it, its first part decides.
        self._shown = self._shown or str((cursor or {})["snapshot"])
        delivery = self.snapshot.read(connection, cursor)
        if delivery is None:
            self._is_snapshot_read = True
            self.slot.end_snapshot()
            return None
        delivery.cursor["snapshot"] = self._shown
        if self._is_taken_again:
            # What it shows is newer than all that is landed, even where the row's own times say nothing of it.
            delivery.query = f"select *, false as is_deleted, 0 as seq from ({delivery.query})"
            delivery.is_changes = True
        return delivery

    def _read_changes(self, cursor: Cursor | None) -> Delivery | None:
        landed = (cursor or {}).get("lsn")
        shown = self._shown or (cursor or {}).get("snapshot")
        end = self.slot.end_of_log()
        self.slot.require_place(landed, end)
        if landed:
            self.slot.advance(landed)
        drift.require_columns(self.entity, self.dialect.columns(self.entity.physical_name))
        decoder = Decoder(
            key=[name for column in self.entity.columns if column.primary_key for name in column.names],
            with_deletes=IS_DELETED in {name for name, _ in self.entity.landing_columns},
            is_landed=landed_before(shown, landed),
        )
        path, messages = self._spool(decoder, end)
        if decoder.truncated and not decoder.rows:
            raise self._truncated()
        is_all = messages < BATCH_CHANGES and not decoder.truncated
        if landed and is_all and not decoder.rows and number(end) - number(landed) <= IDLE_BYTES:
            return None
        position = end if is_all else text(decoder.end or 0)
        return Delivery(
            query=f"""select line, {literal(self.entity.physical_name)} as source_file, seq as source_position,
                    is_deleted, seq
                from read_parquet({literal(str(path))}) where seq <= {decoder.rows}""",
            columns=None,
            cursor={"lsn": position, "snapshot": shown},
            is_changes=True,
            acknowledge=lambda: self.slot.advance(position),
        )

    def _spool(self, decoder: Decoder, end: str) -> tuple[Path, int]:
        """Write the changes up to a position to a file; returns it and the number of messages."""
        if self._spooled is None:
            self._spooled = temporary_folder("changes")
        path = Path(self._spooled.name, "changes.parquet")
        messages = 0
        try:
            reader = self.dialect.stream(f"select data from {self.slot.peek(end, BATCH_CHANGES)}")
            with pq.ParquetWriter(path, _SPOOL, compression="zstd") as writer:
                for batch in reader:
                    messages += batch.num_rows
                    changes = [c for data in batch.column(0).to_pylist() for c in decoder.decode(data)]
                    columns = [[getattr(change, name) for change in changes] for name in _SPOOL.names]
                    writer.write_batch(pa.record_batch(columns, schema=_SPOOL))
        except UnusableChangeError as error:
            raise self.slot.unusable(str(error)) from None
        except Exception:
            if self.dialect.broken is not None:
                raise self.dialect.broken from None
            raise
        return path, messages

    def _truncated(self) -> DriftError:
        return DriftError(
            f"the table of {self.slot.place} was truncated at the source"
            f" (its slot holds back {self.slot.held_back()} of log until that is agreed)",
            cure=f"if it is meant, {self.slot.refresh}",
        )

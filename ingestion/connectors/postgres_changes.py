"""PostgreSQL by logical replication: a snapshot of the table first, then every change in the order of commits.

Flow: create the slot -> land the table as one snapshot shows it -> peek at changes -> land them with their position in
the cursor -> advance the slot, which is the acknowledgement. Peeking takes nothing away: after a crash the same
changes are given again, and the cursor says which of them are landed. Transactions that the snapshot shows are passed
over, so that the two parts neither overlap nor leave a gap. Changes are spooled to a file as they come: memory is
bounded however large a transaction is.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion import drift
from ingestion.connectors.base import Cursor, Delivery, Indivisible, SourceError, literal, quoted
from ingestion.connectors.dialects import PostgreSql
from ingestion.connectors.pgoutput import Decoder, UnusableChangeError
from ingestion.connectors.sql import SqlConnector
from ingestion.contract import Entity
from ingestion.drift import DriftError
from lake.settings import load_settings

#: Messages of one batch, about: a transaction is never parted.
BATCH_CHANGES = 200_000
#: How long the making of a slot may wait for the source's open transactions.
SLOT_SECONDS = 60
_NAME_LENGTH = 63
_SPOOL = pa.schema([("line", pa.string()), ("is_deleted", pa.bool_()), ("seq", pa.int64())])
_PLUGIN = "pgoutput"


class ChangesConnector(Indivisible):
    """One entity's table and its changes, by a slot of its own."""

    stream = "changes"
    is_live = False

    def __init__(self, dialect: PostgreSql, entity: Entity, prefix: str | None = None) -> None:
        self.dialect = dialect
        self.entity = entity
        self.snapshot = SqlConnector(dialect, entity)
        self.slot = slot_name(entity, prefix)
        self.place = f"{entity.source}/{entity.name}"
        self._in_snapshot: str | None = None  # the snapshot this run reads, and the position after it
        self._is_snapshot_read = False
        self._spool_folder: tempfile.TemporaryDirectory[str] | None = None

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a change waits. Where none does, the slot is moved on: it must not hold back the others' log."""
        if cursor is None or "lsn" not in cursor:
            return True
        if not self._has_slot():
            return True
        self._advance(cursor["lsn"])
        target = self._position()
        if self._ask(f"select count(*) from {self._peek(target, 1)} where get_byte(data, 0) in ({_ROWS})"):
            return True
        self._advance(target)
        return False

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The next part of the snapshot, or the next changes."""
        if cursor is None or "lsn" not in cursor:
            delivery = self._read_snapshot(connection, cursor)
            if delivery is not None:
                return delivery
        return self._read_changes(connection, cursor)

    def leave_out_unreadable(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Nothing can be parted from the rest; a database that broke off is told as itself."""
        return self.snapshot.leave_out_unreadable(connection)

    def close(self) -> None:
        """Close the connection and remove what was spooled; the slot stays."""
        self.snapshot.close()
        if self._spool_folder is not None:
            self._spool_folder.cleanup()

    # The snapshot.

    def _read_snapshot(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        if self._is_snapshot_read:
            return None
        self._require_source()
        if cursor is None and self._in_snapshot is None:
            self._begin_snapshot()
        shown = self._in_snapshot or (cursor or {})["snapshot"]
        self._in_snapshot = shown
        delivery = self.snapshot.read(connection, cursor)
        if delivery is None:
            self._is_snapshot_read = True
            self.dialect.run("commit")
            return None
        delivery.cursor["snapshot"] = shown
        return delivery

    def _begin_snapshot(self) -> None:
        if not self._has_slot():
            self._make_slot()
        self.dialect.run("begin isolation level repeatable read read only")
        shown = self._ask("select pg_current_snapshot()::text")
        self._in_snapshot = f"{shown}@{self._ask('select pg_current_wal_insert_lsn()::text')}"

    def _make_slot(self) -> None:
        """Make the slot, in place of one that has lost its log; PostgreSQL waits for the transactions now open."""
        name = literal(self.slot)
        self._ask(
            f"select pg_drop_replication_slot(slot_name)::text from pg_replication_slots where slot_name = {name}"
        )
        self.dialect.run(f"set statement_timeout to '{SLOT_SECONDS}s'")
        try:
            self._ask(f"select lsn::text from pg_create_logical_replication_slot({name}, '{_PLUGIN}')")
        except SourceError as error:
            raise SourceError(
                str(error.args[0]),
                cure="give the lake's role REPLICATION, leave `max_replication_slots` room for one slot per entity, and"
                f" run when no transaction is open for longer than {SLOT_SECONDS} s",
            ) from None
        self.dialect.run("set statement_timeout to 0")

    # The changes.

    def _read_changes(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        self._require_source()
        if not self._has_slot():
            raise SourceError(
                f"{self.place}: the replication slot {self.slot} is gone, and with it the changes since the last run",
                cure=f"run once with --full-refresh --source {self.entity.source}: it takes a new slot and snapshot",
            )
        landed = (cursor or {}).get("lsn")
        shown = self._in_snapshot or (cursor or {}).get("snapshot")
        if landed:
            self._advance(landed)
        drift.require_columns(self.entity, self.dialect.columns(self.entity.physical_name))
        target = self._position()
        decoder = Decoder(
            [name for column in self.entity.columns if column.primary_key for name in column.names],
            self.entity.deletes.are_known,
            _landed(shown, _number(landed) if landed else 0),
        )
        path, messages = self._spool(decoder, target)
        end = target if messages < BATCH_CHANGES and not decoder.truncated else _text(decoder.end or 0)
        if not decoder.rows:
            if decoder.truncated:
                raise self._truncated()
            if landed and messages < BATCH_CHANGES:
                self._advance(target)
                return None
        return Delivery(
            query=f"""select line, {literal(self.entity.physical_name)} as source_file, seq as source_position,
                    is_deleted, seq
                from read_parquet({literal(str(path))}) where seq <= {decoder.rows}""",
            columns=None,
            cursor={"lsn": end, "snapshot": shown},
            is_changes=True,
            acknowledge=lambda: self._advance(end),
        )

    def _spool(self, decoder: Decoder, target: str) -> tuple[Path, int]:
        """Write the changes up to a position to a file; returns it and the number of messages."""
        if self._spool_folder is None:
            parent = load_settings().home / "tmp"
            parent.mkdir(parents=True, exist_ok=True)
            self._spool_folder = tempfile.TemporaryDirectory(prefix="changes-", dir=parent)
        path = Path(self._spool_folder.name) / "changes.parquet"
        messages = 0
        reader = self.dialect.stream(f"select data from {self._peek(target, BATCH_CHANGES)}")
        try:
            with pq.ParquetWriter(path, _SPOOL, compression="zstd") as writer:
                for batch in reader:
                    messages += batch.num_rows
                    changes = [c for data in batch.column(0).to_pylist() for c in decoder.decode(data)]
                    columns = [[getattr(change, name) for change in changes] for name in _SPOOL.names]
                    writer.write_batch(pa.record_batch(columns, schema=_SPOOL))
                    if decoder.truncated:
                        break
        except UnusableChangeError as error:
            raise self._unusable(str(error)) from None
        except Exception:
            if self.dialect.broken is not None:
                raise self.dialect.broken from None
            raise
        return path, messages

    def _peek(self, target: str, changes: int) -> str:
        return (
            f"pg_logical_slot_peek_binary_changes({literal(self.slot)}, {literal(target)}, {changes}, "
            f"'proto_version', '1', 'publication_names', {literal(quoted(self.slot))})"
        )

    def _advance(self, position: str) -> None:
        """Let the source forget what comes before a position; it never goes back."""
        self._ask(
            f"""select end_lsn::text from pg_replication_slots s,
                    lateral pg_replication_slot_advance(s.slot_name, {literal(position)})
                where s.slot_name = {literal(self.slot)} and s.confirmed_flush_lsn < {literal(position)}::pg_lsn"""
        )

    def _position(self) -> str:
        return str(self._ask("select pg_current_wal_flush_lsn()::text"))

    def _has_slot(self) -> bool:
        query = f"""select count(*) from pg_replication_slots where slot_name = {literal(self.slot)}
            and wal_status <> 'lost' and plugin = '{_PLUGIN}'"""
        return bool(self._ask(query))

    # What the source has to be like.

    def _require_source(self) -> None:
        """Hold the server and the table to what logical replication needs; make the publication where it is missing."""
        if self._ask("select current_setting('wal_level')") != "logical":
            raise SourceError(
                f"{self.entity.source}: the database at {self.dialect.place} does not log its changes",
                cure="set `wal_level = logical` in its configuration and start it anew, or remove `replication` from"
                " the contract's server",
            )
        name = f"{quoted(self.dialect.schema)}.{quoted(self.entity.physical_name)}"
        found = self._ask(f"select relreplident::text from pg_class where oid = to_regclass({literal(name)})")
        if found is None:
            raise SourceError(
                f"{self.entity.source}: there is no table {self.entity.physical_name!r} at {self.dialect.place}",
                cure="ask the source's owner, or correct `physicalName` in the contract",
            )
        if found != "f":
            raise self._unusable("its replica identity is not full")
        if not self._ask(f"select count(*) from pg_publication where pubname = {literal(self.slot)}"):
            create = f"create publication {quoted(self.slot)} for table {name}"
            self.dialect.run(create, cure=f"let the table's owner run: {create}")

    def _unusable(self, problem: str) -> SourceError:
        return SourceError(
            f"{self.place}: changes of the table cannot be read: {problem}",
            cure=f"let its owner run: alter table {quoted(self.dialect.schema)}.{quoted(self.entity.physical_name)}"
            " replica identity full",
        )

    def _truncated(self) -> DriftError:
        held = self._ask(
            f"""select pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from pg_replication_slots
                where slot_name = {literal(self.slot)}"""
        )
        return DriftError(
            f"the table of {self.place} was truncated at the source (its slot holds back {held} of log until then)",
            cure=f"if it is meant, run once with --full-refresh --source {self.entity.source}",
        )

    def _ask(self, query: str) -> object:
        row = self.dialect.one(query)
        return row[0] if row else None


#: First bytes of the messages that are rows, or the loss of all: insert, update, delete, truncate.
_ROWS = ", ".join(str(ord(kind)) for kind in "IUDT")


def slot_name(entity: Entity, prefix: str | None) -> str:
    """Name of an entity's slot and publication: of letters, digits and `_`, and no longer than PostgreSQL allows.

    One slot per lake and entity: two lakes on one database each get every change.
    """
    lake = hashlib.blake2b(str(load_settings().home).encode(), digest_size=4).hexdigest()
    name = f"{prefix or f'lake_{lake}_{entity.source}'}_{entity.name}".lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    if len(name) <= _NAME_LENGTH:
        return name
    return name[: _NAME_LENGTH - 9] + "_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def _landed(shown: str | None, position: int) -> Callable[[int, int], bool]:
    """Whether a transaction is landed: it committed before the position, or before the snapshot, which shows it."""
    if shown is None:
        return lambda commit, xid: commit < position
    snapshot, _, after = shown.partition("@")
    low, high, *running = snapshot.replace(":", ",").strip(",").split(",")
    lowest, highest, still = int(low), int(high), {int(xid) for xid in running}
    end = _number(after)

    def is_landed(commit: int, xid: int) -> bool:
        if commit < position:
            return True
        if commit >= end:
            return False
        # The log has the lower half of a transaction's number; the snapshot has all of it.
        whole = highest - ((highest - xid + (1 << 31)) % (1 << 32) - (1 << 31))
        return whole < lowest or (whole < highest and whole not in still)

    return is_landed


def _number(lsn: str) -> int:
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def _text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"

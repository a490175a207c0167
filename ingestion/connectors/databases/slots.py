"""A replication slot of PostgreSQL and its publication: made, asked where it stands, peeked at, moved on.

A slot keeps the source's log from where it stands: it is moved only to where the lake's own cursor says that everything
is landed. One that stands further was moved by somebody else, and what lay between is lost to us: that is reported.
"""

import hashlib
from collections.abc import Callable

from contracts.contract_file import Entity
from contracts.settings import home_name
from ingestion.connectors.base import SourceError
from ingestion.connectors.databases.dialects import PostgreSql
from lake.sql.text import literal, quoted

#: How long the making of a slot may wait for the source's open transactions.
WAIT_SECONDS = 60
_NAME_LENGTH = 63
_PLUGIN = "pgoutput"
#: First bytes of the messages that are rows, or the loss of all: insert, update, delete, truncate.
_ROWS = ", ".join(str(ord(kind)) for kind in "IUDT")


class Slot:
    """The slot of one entity, and the publication of the same name."""

    def __init__(self, dialect: PostgreSql, entity: Entity, prefix: str | None) -> None:
        self.dialect = dialect
        self.entity = entity
        self.name = slot_name(entity, prefix)
        self.place = f"{entity.source}/{entity.name}"
        self.table = f"{quoted(dialect.schema)}.{quoted(entity.physical_name)}"
        self.refresh = f"run once with --full-refresh --source {entity.source}"

    def exists(self) -> bool:
        """Whether the slot is there and has all of its log."""
        query = f"""select count(*) from pg_replication_slots where slot_name = {literal(self.name)}
            and wal_status <> 'lost' and plugin = '{_PLUGIN}'"""
        return bool(self._ask(query))

    def make(self) -> None:
        """Make the slot, in place of one that has lost its log; PostgreSQL waits for the transactions now open."""
        name = literal(self.name)
        self._ask(
            f"select pg_drop_replication_slot(slot_name)::text from pg_replication_slots where slot_name = {name}"
        )
        self.dialect.run(f"set statement_timeout to '{WAIT_SECONDS}s'")
        try:
            self._ask(f"select lsn::text from pg_create_logical_replication_slot({name}, '{_PLUGIN}')")
        except SourceError as error:
            raise SourceError(
                str(error.args[0]),
                cure="give the lake's role REPLICATION, leave `max_replication_slots` room for one slot per entity, and"
                f" run when no transaction is open for longer than {WAIT_SECONDS} s",
            ) from None
        self.dialect.run("set statement_timeout to 0")

    def end_of_log(self) -> str:
        """The position at which the source's log ends now."""
        return str(self._ask("select pg_current_wal_flush_lsn()::text"))

    def begin_snapshot(self) -> str:
        """Begin a transaction that sees one state of the table; gives which others it sees and a position after."""
        self.dialect.run("begin isolation level repeatable read read only")
        shown = self._ask("select pg_current_snapshot()::text")
        return f"{shown}@{self._ask('select pg_current_wal_insert_lsn()::text')}"

    def end_snapshot(self) -> None:
        """End the transaction of the snapshot."""
        self.dialect.run("commit")

    def has_rows(self, end: str) -> bool:
        """Whether a row of the table changed before a position."""
        return bool(self._ask(f"select count(*) from {self.peek(end, 1)} where get_byte(data, 0) in ({_ROWS})"))

    def peek(self, end: str, messages: int) -> str:
        """SQL of the messages before a position, whole transactions; they stay in the slot."""
        return (
            f"pg_logical_slot_peek_binary_changes({literal(self.name)}, {literal(end)}, {messages}, "
            f"'proto_version', '1', 'publication_names', {literal(quoted(self.name))})"
        )

    def advance(self, position: str) -> None:
        """Let the source forget what comes before a position; it never goes back."""
        self._ask(
            f"""select end_lsn::text from pg_replication_slots s,
                    lateral pg_replication_slot_advance(s.slot_name, {literal(position)})
                where s.slot_name = {literal(self.name)} and s.confirmed_flush_lsn < {literal(position)}::pg_lsn"""
        )

    def require_place(self, landed: str | None, end: str) -> None:
        """Hold the slot to where the lake is.

        Raises:
            SourceError: there is none, it stands further than what is landed, or the log ends before that.
        """
        stands = self._ask(
            f"select confirmed_flush_lsn::text from pg_replication_slots where slot_name = {literal(self.name)}"
        )
        if stands is None or not self.exists():
            raise SourceError(
                f"{self.place}: the replication slot {self.name} is gone, and with it the changes since the last run",
                cure=f"{self.refresh}: it takes a new slot and snapshot",
            )
        if landed is None:
            return
        if number(end) < number(landed):
            raise SourceError(
                f"{self.place}: the source's log ends at {end}, before {landed} up to which it is landed: the server"
                " was restored to an earlier state",
                cure=f"{self.refresh}: it lands the table as it is now",
            )
        if number(str(stands)) > number(landed):
            raise SourceError(
                f"{self.place}: the replication slot {self.name} stands at {stands}, and only what comes before"
                f" {landed} is landed: somebody else moved it, and the changes between are not sent again",
                cure=f"{self.refresh}; where another lake uses the slot, give one of them a `slotPrefix` of its own",
            )

    def require_source(self) -> None:
        """Hold the server and the table to what logical replication needs; make the publication where it is missing."""
        if self._ask("select current_setting('wal_level')") != "logical":
            raise SourceError(
                f"{self.place}: the database at {self.dialect.place} does not log its changes",
                cure="set `wal_level = logical` in its configuration and start it anew, or remove `replication` from"
                " the contract's server",
            )
        identity = self._ask(f"select relreplident::text from pg_class where oid = to_regclass({literal(self.table)})")
        if identity is None:
            raise SourceError(
                f"{self.place}: there is no table {self.entity.physical_name!r} at {self.dialect.place}",
                cure="ask the source's owner, or correct `physicalName` in the contract",
            )
        if identity != "f":
            raise self.unusable("its replica identity is not full")
        generated = self._ask(
            f"""select string_agg(attname, ', ') from pg_attribute
                where attrelid = to_regclass({literal(self.table)}) and attgenerated <> '' and not attisdropped"""
        )
        if generated:
            raise SourceError(
                f"{self.place}: the log does not hold the table's generated columns ({generated}), and the table does",
                cure="remove `replication` from the contract's server: the table is then read by its watermark",
            )
        if not self._ask(f"select count(*) from pg_publication where pubname = {literal(self.name)}"):
            create = f"create publication {quoted(self.name)} for table {self.table}"
            self.dialect.run(create, cure=f"let the table's owner run: {create}")

    def unusable(self, problem: str) -> SourceError:
        """The error for a table whose changes do not say enough."""
        return SourceError(
            f"{self.place}: changes of the table cannot be read: {problem}",
            cure=f"let its owner run: alter table {self.table} replica identity full",
        )

    def held_back(self) -> str:
        """How much of its log the source keeps for the slot, in words."""
        return str(
            self._ask(
                f"""select pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) from pg_replication_slots
                    where slot_name = {literal(self.name)}"""
            )
        )

    def _ask(self, query: str) -> object:
        row = self.dialect.one(query)
        return row[0] if row else None


def slot_name(entity: Entity, prefix: str | None) -> str:
    """Name of an entity's slot and publication: of letters, digits and `_`, and no longer than PostgreSQL allows.

    One slot per lake and entity: two lakes on one database each get every change.
    """
    name = f"{prefix or f'lake_{home_name(4)}_{entity.source}'}_{entity.name}".lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)
    if len(name) <= _NAME_LENGTH:
        return name
    return name[: _NAME_LENGTH - 9] + "_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def landed_before(shown: str | None, landed: str | None) -> Callable[[int, int], bool]:
    """Whether a transaction, by its commit's position and its number, is landed.

    It is where it committed before the position up to which the lake has landed, or is one that the snapshot shows.
    """
    position = number(landed) if landed else 0
    if shown is None:
        return lambda commit, xid: commit < position
    snapshot, _, after = shown.partition("@")
    low, high, *running = snapshot.replace(":", ",").strip(",").split(",")
    lowest, highest, still = int(low), int(high), {int(xid) for xid in running}
    end = number(after)

    def is_landed(commit: int, xid: int) -> bool:
        if commit < position:
            return True
        if commit >= end:
            return False
        # The log has the lower half of a transaction's number; the snapshot has all of it.
        whole = highest - ((highest - xid + (1 << 31)) % (1 << 32) - (1 << 31))
        return whole < lowest or (whole < highest and whole not in still)

    return is_landed


def number(lsn: str) -> int:
    """A position of the log as a number, from its text."""
    high, _, low = lsn.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def text(lsn: int) -> str:
    """A position of the log as its text."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"

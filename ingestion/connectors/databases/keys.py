"""Deletes by comparison: the keys a table has now against those that live in bronze.

Keys that are gone become tombstones: the last version's values, marked as deleted. Keys that are back though bronze has
them as deleted are read again, whatever their watermark says. Keys stream, and are kept as hashes of eight bytes (two
keys of one hash hide a delete, they never make one). A comparison that would delete everything, or more than the
contract's share, deletes nothing until a person agrees.
"""

from collections.abc import Mapping
from datetime import datetime

import duckdb

from contracts.contract_file import Entity
from contracts.deletes import IS_DELETED
from contracts.version_order import version_order
from ingestion.connectors.base import Cursor, Delivery, SourceError
from ingestion.connectors.databases.dialects import Columns, Dialect
from ingestion.connectors.databases.sql import DatabaseConnector, mark_of
from ingestion.landing import contract_checks
from ingestion.landing.drift import DriftError
from lake import clock
from lake.sql.rows import column_types, single_row
from lake.sql.scratch import ANY_TYPE, Computation, ScratchTable
from lake.sql.text import literal, quoted
from lake.tables import open_table, scan

#: The hash of each key that the source has now; null for one that is not of the contract's type.
_SOURCE_KEYS = ScratchTable("source_keys", {"key": "ubigint"})
#: The newest version in bronze of each record whose key the source lacks, with bronze's columns.
_GONE_VERSIONS = ScratchTable("gone_versions", {"record_id": "varchar"}, prefixes={"": ANY_TYPE})
_COMPARE = Computation("compare the keys of a table", makes=(_SOURCE_KEYS, _GONE_VERSIONS))
#: Keys that came back and are asked for in one statement; the rest follow with the next run.
MAX_RETURNED = 10_000


class KeysConnector(DatabaseConnector):
    """One entity's keys, compared once a run."""

    stream = "keys"
    is_live = False
    is_stream = False

    def __init__(self, dialect: Dialect, entity: Entity, *, is_agreed: bool) -> None:
        super().__init__(dialect, entity)
        self.is_agreed = is_agreed
        self.place = f"{entity.source}/{entity.name}"
        self._compared: dict[str, str] | None = None  # the cursor of this run's comparison
        self._is_returned_read = False

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a comparison is due and the table's rows or their watermarks are other than at the last one."""
        if cursor is None:
            return self._has_versions()
        is_due = clock.now() >= datetime.fromisoformat(cursor["compared_at"]) + self.entity.deletes.every
        return is_due and self._fingerprint() != cursor["fingerprint"]

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """First what is gone, then what is back."""
        if self._compared is None:
            if not self._has_versions():
                return None
            self._compared = {"fingerprint": self._fingerprint(), "compared_at": clock.now().isoformat()}
            self._compare(connection)
            return self._gone(connection, self._compared)
        if self._is_returned_read:
            return None
        self._is_returned_read = True
        return self._returned(connection, self._compared)

    def _has_versions(self) -> bool:
        table = open_table(self.entity.table)
        return table is not None and IS_DELETED in {field.name for field in table.schema().fields}

    def _fingerprint(self) -> str:
        mark = mark_of(self.dialect, self.entity, self._columns())
        return str(self.dialect.one(mark.fingerprint("true", self.table))[0])

    def _columns(self) -> Columns:
        columns = self.dialect.columns(self.entity.physical_name)
        missing = [name for name in self._key(columns).values() if name not in columns]
        if missing:
            raise SourceError(
                f"{self.place}: the table has no column {', '.join(missing)}, which is its key",
                cure="ask the source's owner, or correct the contract",
            )
        return columns

    def _key(self, columns: Columns) -> dict[str, str]:
        """Columns of the natural key: the contract's names, and the table's."""
        return {name: self.entity.column(name).name_in(columns) for name in self.entity.primary_key}

    def _compare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Fill `source_keys` with the hashes of the source's keys, `gone_versions` with what they lack."""
        every = self._columns()
        key = self._key(every)
        columns = {name: kind for name, kind in every.items() if name in key.values()}
        reader = self.dialect.rows(self.table, columns, "true")
        connection.register("sql_keys", reader)
        types = self.dialect.types(connection, reader.schema)
        typed = ", ".join(
            f"{contract_checks.typed(self.entity.column(name), f'k.{quoted(theirs)}', types[theirs])} as {quoted(name)}"
            for name, theirs in key.items()
        )
        raw = self.dialect.query("sql_keys", columns, self.entity.physical_name)
        with _COMPARE.on(connection) as scratch:
            try:
                record_id = contract_checks.record_id(self.entity)
                scratch.make(_SOURCE_KEYS, f"select hash({record_id}) as key from (select {typed} from ({raw}) k)")
            except duckdb.Error:
                self.leave_out_unreadable(connection)
                raise
            scratch.make(_GONE_VERSIONS, self._gone_sql())
        deleted_keys, present_keys = single_row(
            connection, "select (select count(*) from gone_versions), (select count(*) from source_keys)"
        )
        self._reject_suspicious(deleted_keys, present_keys)

    def _gone_sql(self) -> str:
        """Query of the newest versions of records whose keys are not among `source_keys`."""
        return f"""
            select * exclude (version_rank) from (
                select *, row_number() over (partition by record_id order by {self._newest()}) as version_rank
                from {scan(self.entity.table)} where hash(record_id) not in
                    (select key from source_keys where key is not null))
            where version_rank = 1 and not coalesce({IS_DELETED}, false)"""

    def _reject_suspicious(self, deleted_keys: int, present_keys: int) -> None:
        share = deleted_keys / max(1, deleted_keys + present_keys)
        is_usual = share <= self.entity.deletes.most_gone and (present_keys or not deleted_keys)
        if self.is_agreed or is_usual:
            return
        percent = round(100 * self.entity.deletes.most_gone)
        what = "is empty"
        if present_keys:
            what = f"lacks {deleted_keys} of the {deleted_keys + present_keys} keys it had"
        raise DriftError(
            f"the table of {self.place} {what}, which is more than {percent} %: none of them is taken for deleted",
            cure=f"if it is meant, run once with --full-refresh --source {self.entity.source}, or raise"
            " `mostGonePercent` of `deletes` in the contract",
        )

    def _gone(self, connection: duckdb.DuckDBPyConnection, cursor: Mapping[str, str]) -> Delivery:
        """Tombstones; without any, a batch of no rows that only says what was compared."""
        own = {name for name, _ in self.entity.landing_columns}
        columns = column_types(connection, _GONE_VERSIONS.name)
        types = {name: kind for name, kind in columns.items() if name not in own}
        return Delivery(
            query=f"""select {", ".join(map(quoted, types))}, {literal(self.entity.physical_name)} as source_file,
                    null::bigint as source_position, true as is_deleted, 0 as seq
                from gone_versions""",
            columns=types,
            cursor=dict(cursor),
            is_reread=True,
            is_changes=True,
        )

    def _returned(self, connection: duckdb.DuckDBPyConnection, cursor: Mapping[str, str]) -> Delivery | None:
        """Rows of the source that bronze has as deleted."""
        keys = ", ".join(f"{quoted(name)}::varchar" for name in self.entity.primary_key)
        returned = connection.execute(
            f"""select {keys} from (
                    select *, row_number() over (partition by record_id order by {self._newest()}) as version_rank
                    from {scan(self.entity.table)} where record_id in
                        (select record_id from {scan(self.entity.table)}
                         where {IS_DELETED} and hash(record_id) in (select key from source_keys)))
                where version_rank = 1 and {IS_DELETED} limit {MAX_RETURNED}"""
        ).fetchall()
        if not returned:
            return None
        columns = self._columns()
        names = ", ".join(f"cast({quoted(name)} as text)" for name in self._key(columns).values())
        wanted = ", ".join(f"({', '.join(literal(value) for value in key)})" for key in returned)
        reader = self.dialect.rows(self.table, columns, f"({names}) in (values {wanted})")
        connection.register("sql_rows", reader)
        return Delivery(
            query=f"""select *, false as is_deleted, 0 as seq
                from ({self.dialect.query("sql_rows", columns, self.entity.physical_name)})""",
            columns=self.dialect.types(connection, reader.schema),
            cursor=dict(cursor),
            is_reread=True,
            is_changes=True,
        )

    def _newest(self) -> str:
        """Newest version first."""
        return ", ".join(f"{quoted(column)} desc" for column in version_order(self.entity))

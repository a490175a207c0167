"""Versions of records that a source can delete: which rows of a batch are duplicates, and when each is known.

Where nothing is ever deleted, a content that bronze has is a duplicate whenever it comes. A delete is a version of its
own (a tombstone), and what follows it is new, even with the content of before. The newest version of a record is the
one known last, so that a row which follows another one, or a tombstone, is known at least a microsecond after it.
"""

import duckdb

from contracts.contract_file import Entity
from contracts.deletes import IS_DELETED
from contracts.version_order import version_order
from ingestion.landing.staging import DUPLICATES, KNOWN_LATER, SEQ, Staged
from lake.sql.rows import single_row
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import quoted
from lake.tables import open_table, scan

#: End of a query of bronze's versions: only those that no delete has followed.
SINCE_DELETED = "left join buried using (record_id) where buried_at is null or known_at >= buried_at"
_MICROSECOND = "interval 1 microsecond"
#: One row per record of bronze with a tombstone: when the newest one is known.
BURIED = ScratchTable("buried", {"record_id": "varchar", "buried_at": "timestamptz"})
#: One row per change of the batch, with the newest version that bronze has of its record.
_ORDERED = ScratchTable(
    "ordered_changes",
    {
        **DUPLICATES.columns, "record_id": "varchar", "seq": "bigint", "own_us": "bigint", "base_us": "bigint",
        "is_copy": "boolean", "is_known": "boolean",
    },
)  # fmt: skip
_FIND_RETURNED = Computation("find rows that return after a delete", makes=(KNOWN_LATER, BURIED))
_ORDER_CHANGES = Computation("order the changes", makes=(DUPLICATES, KNOWN_LATER), inner=(_ORDERED,))


def find_returned(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, follows: bool) -> bool:
    """Make `known_later` of the batch's rows of deleted records that say to be known before the delete.

    Where the rows do not follow what bronze has (`follows`), their own times stand. Returns whether bronze has
    tombstones; `buried` says of each deleted record when it was deleted last. A flag of the source (`deletes: soft`)
    makes none: it is a value of its row like any other.
    """
    has_tombstones = entity.deletes.mode == "compare" and bool(staged.files) and _has_column(entity, IS_DELETED)
    with _FIND_RETURNED.on(connection) as scratch:
        scratch.make_empty(KNOWN_LATER)
        if not has_tombstones:
            scratch.make_empty(BURIED)
            return False
        scratch.make(
            BURIED,
            f"""select record_id, max(known_at) as buried_at
                from {scan(entity.table)} where {IS_DELETED} group by record_id""",
        )
        if follows:
            scratch.insert(
                KNOWN_LATER,
                f"""select s.filename, s.file_row_number, buried_at + {_MICROSECOND} as known_at
                    from {staged.scan()} s join buried using (record_id) where s.known_at <= buried_at""",
            )
    return True


def order_changes(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> tuple[int, int, int]:
    """Make `duplicates` and `known_later` for a batch of changes in their order.

    A change is a duplicate of the version just before it, in the batch or the newest of bronze: an update that changed
    nothing, or what the snapshot had. With k the microsecond a change is known, n its number among the record's own,
    b the microsecond of its newest version in bronze: k(n) = n + max(b, what changes 1..n say less their numbers).

    Returns:
        Duplicates of bronze's versions, duplicates within the batch, and 0 (as `duplicates.Duplicates`).
    """
    with _ORDER_CHANGES.on(connection) as scratch:
        scratch.make_empty(KNOWN_LATER)
        scratch.make_empty(DUPLICATES)
        if not staged.files:
            return 0, 0, 0
        scratch.make(_ORDERED, _ordered_sql(entity, staged))
        scratch.insert(DUPLICATES, "select filename, file_row_number from ordered_changes where is_copy or is_known")
        scratch.insert(
            KNOWN_LATER,
            """select filename, file_row_number, make_timestamptz(known_us) as known_at from (
                    select *, number + greatest(max(own_us - number) over versions, base_us) as known_us from (
                        select *, row_number() over (partition by record_id order by seq) as number
                        from ordered_changes where not (is_copy or is_known))
                    window versions as (partition by record_id order by seq))
                where known_us > own_us""",
        )
        known_copies, copies = single_row(
            connection,
            "select count(*) filter (where is_known), count(*) filter (where is_copy) from ordered_changes",
        )
    return int(known_copies), int(copies), 0


def _ordered_sql(entity: Entity, staged: Staged) -> str:
    newest = "(select null::varchar as record_id, null::bigint as content_hash, null::bigint as known_us where false)"
    if open_table(entity.table) is not None:
        order = ", ".join(map(quoted, version_order(entity)))
        newest = f"""(select record_id, max_by(content_hash, row({order})) as content_hash,
                epoch_us(max(known_at)) as known_us
            from {scan(entity.table)} where record_id in (select record_id from {staged.scan()}) group by record_id)"""
    return f"""
        select s.filename, s.file_row_number, s.record_id, s.{SEQ}::bigint as seq, epoch_us(s.known_at) as own_us,
            b.known_us as base_us,
            coalesce(s.content_hash = lag(s.content_hash) over versions, false) as is_copy,
            lag(s.{SEQ}) over versions is null and s.content_hash is not distinct from b.content_hash as is_known
        from {staged.scan()} s left join {newest} b using (record_id)
        window versions as (partition by s.record_id order by s.{SEQ})"""


def _has_column(entity: Entity, name: str) -> bool:
    table = open_table(entity.table)
    return table is not None and name in {field.name for field in table.schema().fields}

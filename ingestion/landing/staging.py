"""From raw rows to Parquet in bronze's own folder: typed, checked, hashed, rejected ones set aside; not committed.

A batch streams once from the source into Parquet in the table's folder. What breaks the contract leaves the stream
into the table `rejected` (`ingestion.landing.rejected_rows`), so that the files hold bronze's rows and nothing else;
only where some of them are exact duplicates are the files that hold those written again. Memory stays bounded whatever
the batch.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from contracts.contract_file import Column, Entity
from contracts.deletes import IS_DELETED
from contracts.source_contract import OnDrift
from ingestion.connectors.base import Delivery
from ingestion.landing import contract_checks, rejected_rows
from lake.data_files import DataFile, copy_into
from lake.sql.rows import column_values, first_row, single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import literal, quoted

#: Times that may stand in Delta's statistics (ADR 9), so that readers skip files.
BOUNDED = ("event_at", "known_at", "landed_at")
#: Columns of a raw row on its way: why it is rejected, the record whole, where it stood, the keys of its JSON.
VERDICT, RAW, POSITION, KEYS = "_verdict", "_raw", "_position", "_keys"
#: Verdicts other than the numbers of the rules: a record that cannot be parsed, and one that is not even text.
UNREADABLE, ESCAPED = 0, 65535
#: A document without keys is no record; one that says a thing twice does not say which it means.
_IS_NO_RECORD = f"(case when _is_usual then false else {KEYS} is null or len(list_distinct({KEYS})) < len({KEYS}) end"
_IS_NO_RECORD += f" or len({KEYS}) = 0)"
#: Of a change: whether it is a delete, and its place in the order; the second is in the staged files, not in bronze.
DELETED, SEQ = "_is_deleted", "_seq"
KNOWN = "_known_at"
#: One row per rejected row of the batch, after `duplicates` one per rejected record that the quarantine lacks.
REJECTED = ScratchTable("rejected", {**rejected_rows.SET_ASIDE.columns, "refused_id": "varchar"})
#: Good rows of the staged files to leave out.
DUPLICATES = ScratchTable("duplicates", {"filename": "varchar", "file_row_number": "bigint"})
#: Good rows of the staged files that are known later than they say.
KNOWN_LATER = ScratchTable("known_later", {**DUPLICATES.columns, "known_at": "timestamptz"})
_COLLECT_REFUSED = Computation("collect the rejected rows", reads=(rejected_rows.SET_ASIDE,), makes=(REJECTED,))
_REWRITE = Computation("write files again without duplicates", reads=(DUPLICATES, KNOWN_LATER))


@dataclass
class Staged:
    """A batch as staged; its rejected rows are in the table `rejected`.

    Attributes:
        rejected: how many rows were rejected.
        names: columns of the source that neither the contract nor bronze has.
        is_changes: the rows are changes in the order of `SEQ`.
    """

    batch_id: str
    files: list[DataFile]
    rules: list[contract_checks.Rule]
    added: list[str]
    rejected: int
    names: set[str]
    is_changes: bool = False

    @property
    def rows(self) -> int:
        """Good rows staged."""
        return sum(file.rows for file in self.files)

    def scan(self) -> str:
        """SQL that reads the good rows, with the name of their file and their number in it."""
        names = ", ".join(literal(str(file.path)) for file in self.files)
        return f"read_parquet([{names}], filename=true, file_row_number=true)"

    def delete(self, but: Collection[DataFile] = ()) -> None:
        """Remove what was staged, but for what a commit took."""
        kept_paths = {file.path for file in but}
        for file in self.files:
            if file.path not in kept_paths:
                file.delete()


def new_columns(delivery: Delivery, entity: Entity, added: Sequence[str]) -> set[str]:
    """Columns that a delivery declares and neither the contract nor bronze has; JSON declares none."""
    return set(delivery.columns or {}) - {name for c in entity.columns for name in c.names} - set(added)


def stage(
    connection: duckdb.DuckDBPyConnection,
    *,
    entity: Entity,
    delivery: Delivery,
    folder: Path,
    batch_id: str,
    now: datetime,
    added: Sequence[str],
) -> Staged:
    """Type, check and write a delivery's rows into a folder.

    Args:
        added: columns beyond the contract that are to be kept, as text.
    """
    try:
        return _stage(
            connection,
            entity=entity,
            delivery=delivery,
            folder=folder,
            batch_id=batch_id,
            now=now,
            added=added,
            guarded=False,
        )
    except duckdb.InvalidInputException as error:
        if delivery.columns is not None or "Malformed JSON" not in str(error):
            raise  # the source broke off
        # A line that is not JSON ends the quick way; the guarded one costs a second parse of every line.
        return _stage(
            connection,
            entity=entity,
            delivery=delivery,
            folder=folder,
            batch_id=batch_id,
            now=now,
            added=added,
            guarded=True,
        )


def _stage(
    connection: duckdb.DuckDBPyConnection,
    *,
    entity: Entity,
    delivery: Delivery,
    folder: Path,
    batch_id: str,
    now: datetime,
    added: Sequence[str],
    guarded: bool,
) -> Staged:
    is_json = delivery.columns is None
    usual = _usual_keys(connection, entity=entity, delivery=delivery, added=added) if is_json else []
    rows = (
        _json_rows(entity, delivery=delivery, added=added, usual=usual, guarded=guarded)
        if is_json
        else _column_rows(entity, delivery, added)
    )
    source_types = delivery.columns or {}
    types = {
        c.name: next((source_types[name] for name in c.names if name in source_types), "VARCHAR")
        for c in entity.columns
    }
    raw = {c.name: f"_r.{quoted(c.name)}" for c in entity.columns}
    typed = [f"{contract_checks.typed(c, raw[c.name], types[c.name])} as {quoted(c.name)}" for c in entity.columns]
    typed += [f"_r.{quoted(name)} as {quoted(name)}" for name in added]
    blocking = [
        rule for rule in contract_checks.rules(entity, raw=raw, types=types, now=now) if rule.severity == "block"
    ]
    verdict = contract_checks.verdict_case(
        blocking, {ESCAPED: "_is_escaped", UNREADABLE: _IS_NO_RECORD} if is_json else {}
    )
    reject = rejected_rows.set_aside(
        VERDICT,
        source_file="source_file",
        position=POSITION,
        raw=RAW if is_json else f"to_json({RAW})::varchar",
        keys=f"to_json({KEYS})::varchar" if is_json else "null::varchar",
    )
    column_names = [*(c.name for c in entity.columns), *added]
    keep = f"case when {VERDICT} is null then true else {reject} end"
    if is_json and entity.on_drift is not OnDrift.IGNORE:
        every = [name for c in entity.columns for name in c.names]
        keep += f" and {_notes_unknown_keys([*every, *added])}"
    landed_at = literal(now)
    known_at = quoted(entity.known_at) if entity.known_at else KNOWN if delivery.known_at else landed_at
    content_hash = contract_checks.content_hash(entity, added)
    if delivery.is_changes:
        known_at = f"case when {DELETED} then greatest({known_at}, {landed_at}) else {known_at} end"
        content_hash = f"xor({content_hash}, {DELETED}::bigint)"
    query = f"""
        select {", ".join(map(quoted, column_names))},
            {contract_checks.record_id(entity)} as record_id,
            {known_at} as known_at,
            {landed_at} as landed_at,
            {literal(batch_id)} as batch_id,
            source_file,
            {content_hash} as content_hash{_delete_columns(entity, delivery)}
        from (select *, {verdict} as {VERDICT} from (select *, {", ".join(typed)} from ({rows})))
        where {keep}"""
    with rejected_rows.watching(connection):
        files = copy_into(connection, query, folder, bounded=BOUNDED, has_floats=_has_floats(entity))
    rejected = _collect_rejected(connection, delivery)
    names = _unknown_names(connection, entity, added)
    return Staged(
        batch_id,
        files=files,
        rules=blocking,
        added=list(added),
        rejected=rejected,
        names=names,
        is_changes=delivery.is_changes,
    )


def _delete_columns(entity: Entity, delivery: Delivery) -> str:
    """What a row says of deletes, where its contract does; and a change's place in the order."""
    columns = ""
    if IS_DELETED in {name for name, _ in entity.landing_columns}:
        deleted = DELETED if delivery.is_changes else "false"
        if entity.deletes.column is not None:
            flag = quoted(entity.deletes.column)
            is_flag = entity.column(entity.deletes.column).logical_type == "boolean"
            deleted += f" or coalesce({flag}, false)" if is_flag else f" or {flag} is not null"
        columns = f", ({deleted}) as {IS_DELETED}"
    return columns + (f", {SEQ}" if delivery.is_changes else "")


def _change_columns(delivery: Delivery) -> str:
    known_column = f", {delivery.known_at} as {KNOWN}" if delivery.known_at else ""
    return known_column + (f", is_deleted as {DELETED}, seq as {SEQ}" if delivery.is_changes else "")


def _collect_rejected(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> int:
    """Fill `rejected` with the rows set aside and those that no parser could read; returns how many."""
    verdict = f"case when is_escaped then {ESCAPED} else {UNREADABLE} end"
    unread = f"""union all select ({verdict})::usmallint, source_file, source_position::bigint, raw, null::varchar[]
        from ({delivery.rejected})"""
    with _COLLECT_REFUSED.on(connection) as scratch:
        scratch.make(
            REJECTED,
            f"""select *, md5(case when verdict = {ESCAPED} then 'escaped ' else '' end || raw) as refused_id
                from (select * from set_aside {unread if delivery.rejected else ""})""",
        )
    return int(single_value(connection, "select count(*) from rejected"))


def _json_rows(entity: Entity, *, delivery: Delivery, added: Sequence[str], usual: Sequence[str], guarded: bool) -> str:
    names = [name for c in entity.columns for name in c.names] + list(added)
    shape = literal(json.dumps(dict.fromkeys(names, "VARCHAR"), ensure_ascii=False))
    line = f"case when not ({delivery.escaped}){' and json_valid(line)' if guarded else ''} then line end"
    fields = [f"{quoted(c.name)} := coalesce({', '.join(f'_j.{quoted(n)}' for n in c.names)})" for c in entity.columns]
    fields += [f"{quoted(name)} := _j.{quoted(name)}" for name in added]
    is_renamed = any(len(c.names) > 1 for c in entity.columns)
    return f"""
        select *, {KEYS} = [{", ".join(map(literal, usual))}]::varchar[] as _is_usual,
            {f"struct_pack({', '.join(fields)})" if is_renamed else "_j"} as _r
        from (select line as {RAW}, source_file, source_position as {POSITION}, json_keys(_line) as {KEYS},
                  json_transform(_line, {shape}) as _j, _is_escaped{_change_columns(delivery)}
              from (select *, {delivery.escaped} as _is_escaped, {line} as _line from ({delivery.query})))"""


def _usual_keys(
    connection: duckdb.DuckDBPyConnection, *, entity: Entity, delivery: Delivery, added: Sequence[str]
) -> list[str]:
    """The keys of the first record, of those that are known: most records have the same in the same order.

    Comparing with them costs a fifth of looking each up.
    """
    first = first_row(
        connection,
        f"select json_keys(line) from ({delivery.query}) where json_valid(line) and json_type(line) = 'OBJECT' limit 1",
    )
    known_names = {name for c in entity.columns for name in c.names} | set(added)
    return [name for name in dict.fromkeys(first[0] if first else []) if name in known_names]


def _notes_unknown_keys(known: Sequence[str]) -> str:
    """SQL condition that is always true and notes a record's keys where some are unknown."""
    return f"""case when _is_usual then true
        when list_has_all([{", ".join(map(literal, known))}]::varchar[], coalesce({KEYS}, [])) then true
        else {rejected_rows.note_keys(f"to_json({KEYS})::varchar")} end"""


def _unknown_names(connection: duckdb.DuckDBPyConnection, entity: Entity, added: Sequence[str]) -> set[str]:
    names = column_values(connection, "select distinct unnest(keys) from unknown_keys")
    return set(names) - {name for c in entity.columns for name in c.names} - set(added)


def _column_rows(entity: Entity, delivery: Delivery, added: Sequence[str]) -> str:
    source_types = delivery.columns or {}
    fields = [f"{quoted(c.name)} := {_first_there(c, source_types)}" for c in entity.columns]
    added_texts = {
        n: contract_checks.as_text(quoted(n), source_types[n]) if n in source_types else "null::varchar" for n in added
    }
    fields += [f"{quoted(name)} := {text}" for name, text in added_texts.items()]
    whole = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in source_types)
    return f"""
        select struct_pack({", ".join(fields)}) as _r, struct_pack({whole}) as {RAW}, source_file,
            source_position as {POSITION}{_change_columns(delivery)}
        from ({delivery.query})"""


def _first_there(column: Column, there: Mapping[str, str]) -> str:
    """SQL of a column's raw value, by whichever of its names the source uses; both, where files differ."""
    names = [name for name in column.names if name in there]
    same = [quoted(name) for name in names if there[name] == there[names[0]]]
    return f"coalesce({', '.join(same)})" if same else "null::varchar"


def accepted_files(
    connection: duckdb.DuckDBPyConnection, *, entity: Entity, staged: Staged, folder: Path
) -> list[DataFile]:
    """The batch's rows as files to commit: staged ones as they are, or written again without the duplicates they hold.

    Rows that follow another version of their record get the time at which they are known
    (`ingestion.landing.versions`).
    """
    with _REWRITE.on(connection):
        touched = set(
            column_values(connection, "select filename from duplicates union select filename from known_later")
        )
    if staged.is_changes:
        touched = {str(file.path) for file in staged.files}
    clean = [file for file in staged.files if str(file.path) not in touched]
    mixed = [file for file in staged.files if str(file.path) in touched]
    if not mixed:
        return clean
    part = Staged(staged.batch_id, files=mixed, rules=staged.rules, added=staged.added, rejected=0, names=set())
    columns = [c.name for c in entity.columns] + staged.added + [name for name, _ in entity.landing_columns]
    values = {name: f"s.{quoted(name)}" for name in columns} | {
        "known_at": "coalesce(l.known_at, s.known_at) as known_at"
    }
    rewritten = copy_into(
        connection,
        f"""select {", ".join(values.values())} from {part.scan()} s
                left join known_later l on l.filename = s.filename and l.file_row_number = s.file_row_number
            where not exists
                (from duplicates d where d.filename = s.filename and d.file_row_number = s.file_row_number)""",
        folder,
        bounded=BOUNDED,
        has_floats=_has_floats(entity),
    )
    return clean + rewritten


def _has_floats(entity: Entity) -> bool:
    return any(column.logical_type == "number" for column in entity.columns)

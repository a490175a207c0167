"""From raw rows to Parquet in bronze's own folder: typed, checked, numbered, with doubles known; not yet committed.

A batch streams once from the source into Parquet beside the table's files, each row with its verdict. Where no
row is refused or doubled (the common case) those files are what gets committed; else only the files that hold such
rows are written again without them. Memory stays bounded whatever the batch, and the source is read once.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ingestion import checks
from ingestion.connectors.base import Delivery, literal, quoted
from ingestion.contract import LANDING_COLUMNS, Entity
from ingestion.drift import EVIDENCE_ROWS
from lake.files import DataFile, copy_into

#: Times that may stand in Delta's statistics (D14), so that readers skip files.
BOUNDED = ("event_at", "known_at", "landed_at")
#: Columns of a staged file that bronze does not have.
VERDICT, RAW, POSITION, KEYS = "_verdict", "_raw", "_position", "_keys"


@dataclass
class Staged:
    """A batch as staged. `names` are the source's columns that the contract does not have."""

    batch_id: str
    files: list[DataFile]
    rules: list[checks.Rule]
    added: list[str]
    names: set[str]

    @property
    def rows(self) -> int:
        """Rows staged, good and refused."""
        return sum(file.rows for file in self.files)

    @property
    def has_refused(self) -> bool:
        """Whether any row broke its contract, from the files' own statistics."""
        return any(file.null_counts.get(VERDICT) != file.rows for file in self.files)

    def scan(self) -> str:
        """SQL that reads the staged rows, with the name of their file and their number in it."""
        names = ", ".join(literal(str(file.path)) for file in self.files)
        return f"read_parquet([{names}], filename=true, file_row_number=true, union_by_name=true)"

    def delete(self, but: Collection[DataFile] = ()) -> None:
        """Remove what was staged, but for what a commit took."""
        kept = {file.path for file in but}
        for file in self.files:
            if file.path not in kept:
                file.delete()


def new_columns(delivery: Delivery, entity: Entity, added: Sequence[str]) -> set[str]:
    """Columns that a delivery declares and neither the contract nor bronze has; JSON declares none."""
    return set(delivery.columns or {}) - {c.name for c in entity.columns} - set(added)


def stage(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    delivery: Delivery,
    folder: Path,
    *,
    batch_id: str,
    now: datetime,
    added: Sequence[str],
) -> Staged:
    """Type, check and write a delivery's rows into a folder.

    Args:
        added: columns beyond the contract that are to be kept, as text.
    """
    for rejects in ("reject_errors", "reject_scans"):  # DuckDB adds to them scan by scan
        connection.execute(f"drop table if exists {rejects}")
    try:
        return _stage(connection, entity, delivery, folder, batch_id, now, added, guarded=False)
    except duckdb.InvalidInputException:
        if delivery.columns is not None:
            raise
        # A line that is not JSON ends the quick way; the guarded one costs a second parse of every line.
        return _stage(connection, entity, delivery, folder, batch_id, now, added, guarded=True)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    entity: Entity,
    delivery: Delivery,
    folder: Path,
    batch_id: str,
    now: datetime,
    added: Sequence[str],
    *,
    guarded: bool,
) -> Staged:
    is_json = delivery.columns is None
    rows = _json_rows(entity, delivery, added, guarded) if is_json else _column_rows(entity, delivery, added)
    # Made only where a row is refused: as JSON for every row it would cost more than all the checks.
    whole = RAW if is_json else f"to_json({RAW})::varchar"
    types = {c.name: "VARCHAR" if is_json else (delivery.columns or {}).get(c.name, "VARCHAR") for c in entity.columns}
    raw = {c.name: f"_r.{quoted(c.name)}" for c in entity.columns}
    typed = [f"{checks.typed(c, raw[c.name], types[c.name])} as {quoted(c.name)}" for c in entity.columns]
    typed += [f"_r.{quoted(name)} as {quoted(name)}" for name in added]
    every = list(checks.rules(entity, raw, types, now))
    blocking = [rule for rule in every if rule.severity == "block"]
    verdict = checks.verdict_case(blocking, f"len(coalesce({KEYS}, [])) = 0" if is_json else None)
    expected = [c.name for c in entity.columns]
    keys = f"nullif({KEYS}, [{', '.join(map(literal, expected))}])" if is_json else "null::varchar[]"
    known_at = quoted(entity.known_at) if entity.known_at else f"timestamptz '{now.isoformat(sep=' ')}'"
    columns = [quoted(c.name) for c in entity.columns] + [quoted(name) for name in added]
    query = f"""
        select {", ".join(columns)},
            {checks.record_id(entity)} as record_id,
            {known_at} as known_at,
            timestamptz '{now.isoformat(sep=" ")}' as landed_at,
            {literal(batch_id)} as batch_id,
            source_file,
            case when {VERDICT} is null then {checks.content_hash(entity, added)} else md5({whole}) end as content_hash,
            {VERDICT},
            case when {VERDICT} is not null then {whole} end as {RAW},
            case when {VERDICT} is not null then {POSITION} end as {POSITION},
            {keys} as {KEYS}
        from (select *, {verdict} as {VERDICT} from (select *, {", ".join(typed)} from ({rows})))"""
    files = copy_into(connection, query, folder, bounded=BOUNDED)
    nothing = "select null::varchar as raw, null::varchar as source_file, null::bigint as source_position where false"
    connection.execute(f"create or replace temp table rejected as {delivery.refused or nothing}")
    names = _unknown_keys(connection, files, entity, added) if is_json else set()
    return Staged(batch_id, files, blocking, list(added), names)


def _json_rows(entity: Entity, delivery: Delivery, added: Sequence[str], guarded: bool) -> str:
    shape = literal(
        json.dumps(dict.fromkeys([*(c.name for c in entity.columns), *added], "VARCHAR"), ensure_ascii=False)
    )
    line = "case when json_valid(line) then line end" if guarded else "line"
    return f"""
        select line as {RAW}, source_file, null::bigint as {POSITION}, json_keys(_line) as {KEYS},
            json_transform(_line, {shape}) as _r
        from (select *, {line} as _line from ({delivery.query}))"""


def _column_rows(entity: Entity, delivery: Delivery, added: Sequence[str]) -> str:
    there = delivery.columns or {}
    fields = [f"{quoted(c.name)} := {quoted(c.name) if c.name in there else 'null::varchar'}" for c in entity.columns]
    fields += [f"{quoted(n)} := {quoted(n) if n in there else 'null'}::varchar" for n in added]
    whole = ", ".join(f"{quoted(name)} := {quoted(name)}" for name in there)
    return f"""
        select struct_pack({", ".join(fields)}) as _r, struct_pack({whole}) as {RAW}, source_file,
            source_position as {POSITION}
        from ({delivery.query})"""


def _unknown_keys(
    connection: duckdb.DuckDBPyConnection, files: Sequence[DataFile], entity: Entity, added: Sequence[str]
) -> set[str]:
    if all(file.null_counts.get(KEYS, file.null_counts.get(f'{KEYS}"."element')) == file.rows for file in files):
        return set()
    paths = ", ".join(literal(str(file.path)) for file in files)
    found = connection.execute(f"select distinct unnest({KEYS}) from read_parquet([{paths}])").fetchall()
    return {name for (name,) in found} - {c.name for c in entity.columns} - set(added)


def gone_columns(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> dict[str, list[str]]:
    """Required columns that no record of a file has any more, by file; only JSON can show this so late.

    A file with fewer records than `drift.EVIDENCE_ROWS` shows bad records, not a changed shape.
    """
    required = {
        number: rule.verdict.column
        for number, rule in enumerate(staged.rules, start=1)
        if rule.verdict.reason == "missing_required"
    }
    if not staged.files or not staged.has_refused:
        return {}
    rows = connection.execute(
        f"""select source_file, flatten(list({KEYS}))
            from {staged.scan()} group by source_file
            having count(*) >= {EVIDENCE_ROWS} and count({KEYS}) = count(*)
                and count(*) = count(*) filter (where {VERDICT} in ({", ".join(map(str, required))}))"""
    ).fetchall()
    names = [name for name in required.values() if name is not None]
    found = {source_file: [name for name in names if name not in set(keys)] for source_file, keys in rows}
    return {source_file: gone for source_file, gone in found.items() if gone}


def accepted_files(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, folder: Path
) -> list[DataFile]:
    """The batch's good rows as files to commit: staged ones as they are, or written again without rows left out."""
    touched = (
        {
            path
            for (path,) in connection.execute(
                f"""select filename from doubles union
                select filename from {staged.scan()} where {VERDICT} is not null"""
            ).fetchall()
        }
        if staged.files
        else set()
    )
    clean = [file for file in staged.files if str(file.path) not in touched]
    mixed = [file for file in staged.files if str(file.path) in touched]
    if not mixed:
        return clean
    part = Staged(staged.batch_id, mixed, staged.rules, staged.added, set())
    columns = [c.name for c in entity.columns] + staged.added + [name for name, _ in LANDING_COLUMNS]
    rewritten = copy_into(
        connection,
        f"""select {", ".join(f"s.{quoted(name)}" for name in columns)} from {part.scan()} s
            where s.{VERDICT} is null and not exists
                (from doubles d where d.filename = s.filename and d.file_row_number = s.file_row_number)""",
        folder,
        bounded=BOUNDED,
    )
    return clean + rewritten


def refused_rows(staged: Staged) -> str:
    """SQL of the batch's refused rows that are not doubles: raw, verdict, refused_id, source_file, position."""
    return f"""select {RAW} as raw, {VERDICT} as verdict, content_hash as refused_id, source_file,
            {POSITION} as source_position
        from {staged.scan()} s where {VERDICT} is not null and not exists
            (from doubles d where d.filename = s.filename and d.file_row_number = s.file_row_number)"""

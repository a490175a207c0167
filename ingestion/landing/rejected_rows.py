"""Rows set aside while the others stream by: rejected ones, and records with keys nobody knows.

A batch is read once and streams into Parquet; what does not belong there has to leave the stream without a second
pass. DuckDB's `write_log` is the only function that writes a file while a query runs: evaluated for set-aside rows
alone, it costs the others nothing (2 million rows, 0.2 % rejected: 0.03 s of CPU; a quarter rejected: 0.2 s; the other
ways that were measured, `partition_by` and a second pass, cost 0.5 s and more). The log is a file below
`LAKE_HOME/tmp`, so that memory stays flat however many rows are rejected; every field is base64, so that no byte of a
record can bend it. A sequence counts what was set aside, and a log that holds another number fails the batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from contracts.errors import LakeError
from lake.sql.rows import single_row, single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import literal
from lake.temporary_folders import temporary_folder

#: Rows with unknown keys of which the keys are noted; they show the new columns, nobody needs them all.
NOTED_KEYS = 1000
_REJECTED, _UNKNOWN = "rows_set_aside", "rows_with_unknown_keys"
#: One row per row set aside: the number of the rule, where it stood, the record, its keys (null where it has none).
SET_ASIDE = ScratchTable(
    "set_aside",
    {
        "verdict": "usmallint", "source_file": "varchar", "source_position": "bigint", "raw": "varchar",
        "keys": "varchar[]",
    },
)  # fmt: skip
#: One row per record with keys nobody knows, of the first `NOTED_KEYS`.
UNKNOWN_KEYS = ScratchTable("unknown_keys", {"keys": "varchar[]"})
_COLLECT = Computation("collect the rows set aside", makes=(SET_ASIDE, UNKNOWN_KEYS))
#: Longest line of the log: the longest record (8 MB, each byte escaped in four) in base64, and its keys.
_LINE_BYTES = 64 << 20


class RejectedRowsError(LakeError):
    """The rows set aside are not those that were counted; nothing of the batch is committed."""


@contextmanager
def watching(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Catch what a query in the body sets aside; leaves the tables `SET_ASIDE` and `UNKNOWN_KEYS`."""
    with temporary_folder("aside") as name:
        folder = Path(name)
        for kind in (_REJECTED, _UNKNOWN):
            connection.execute(f"create or replace temp sequence {kind}")
        place = f"{{'path': {literal(str(folder))}}}"
        connection.execute(f"call enable_logging(level = 'error', storage = 'file', storage_config = {place})")
        try:
            try:
                yield
            finally:
                connection.execute("call disable_logging()")
            _collect(connection, folder / "duckdb_log_entries.csv")
        finally:
            connection.execute("set logging_storage = 'memory'")  # lets go of the file


def set_aside(verdict: str, *, source_file: str, position: str, raw: str, keys: str) -> str:
    """SQL condition that is never true, and sets the row aside that it is evaluated for."""
    fields = [f"({verdict})::varchar", *(_packed(f) for f in (source_file, f"({position})::varchar", raw, keys))]
    line = f"concat_ws(' ', {', '.join(fields)})"
    return f"(nextval('{_REJECTED}') < 0 or {_logged(line, _REJECTED, 'false')})"


def note_keys(keys: str) -> str:
    """SQL condition that is always true, and notes the keys of the record that it is evaluated for."""
    noted = _logged(_packed(keys), _UNKNOWN, "true")
    return f"case when nextval('{_UNKNOWN}') > {NOTED_KEYS} then true else {noted} end"


def _logged(line: str, kind: str, result: str) -> str:
    return f"write_log({line}, log_type := '{kind}', level := 'error', return_value := {result})"


def _packed(text: str) -> str:
    """Base64, `-` for null: one word of ASCII whatever the text."""
    return f"coalesce(base64(encode({text})), '-')"


def _unpacked(number: int) -> str:
    word = f"split_part(message, ' ', {number})"
    return f"case when {word} <> '-' then decode(from_base64({word})) end"


def _collect(connection: duckdb.DuckDBPyConnection, log: Path) -> None:
    counted, noted = single_row(connection, f"select nextval('{_REJECTED}') - 1, nextval('{_UNKNOWN}') - 1")
    entries = "(select null::varchar as type, null::varchar as message where false)"
    if counted or noted:
        line = min(_LINE_BYTES, log.stat().st_size + 1)
        entries = f"""read_csv({literal(str(log))}, auto_detect=false, header=false, delim=',', quote='"', escape='"',
            max_line_size={line}, buffer_size={2 * line}, columns={{'context': 'VARCHAR', 'at': 'VARCHAR',
            'type': 'VARCHAR', 'level': 'VARCHAR', 'message': 'VARCHAR'}})"""
    with _COLLECT.on(connection) as scratch:
        scratch.make(
            SET_ASIDE,
            f"""select split_part(message, ' ', 1)::usmallint as verdict, {_unpacked(2)} as source_file,
                ({_unpacked(3)})::bigint as source_position, {_unpacked(4)} as raw,
                from_json({_unpacked(5)}, '["VARCHAR"]') as keys
            from {entries} where type = '{_REJECTED}'""",
        )
        scratch.make(
            UNKNOWN_KEYS,
            f"""select from_json({_unpacked(1)}, '["VARCHAR"]') as keys from {entries} where type = '{_UNKNOWN}'""",
        )
    logged = single_value(connection, "select count(*) from set_aside")
    if counted != logged:
        raise RejectedRowsError(
            f"{counted} rows were set aside and {logged} are in the log",
            cure="see that the disk has room, then run again: nothing of the batch is landed",
        )

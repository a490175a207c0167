"""Rejected records on their way into quarantine: whole, with the reason, before the batch they came in.

A quarantine row holds the record as it came, why it was rejected, and where it stood in the source. Its id is the
MD5 of the record, so that the same bad record delivered twice is kept once and counted as a duplicate. Restricted zone.
"""

from collections.abc import Callable
from datetime import datetime

import duckdb
import pyarrow as pa

from contracts.contract_file import Contract, Entity
from contracts.logical_types import TIMESTAMP
from ingestion.landing.staging import ESCAPED, REJECTED, UNREADABLE, Staged
from lake import writer
from lake.sql.rows import single_value
from lake.sql.scratch import Computation
from lake.sql.text import literal
from lake.tables import open_table, scan
from lake.writer import Commit, ConflictError

SCHEMA = pa.schema(
    [
        ("refused_id", pa.string()),
        ("source", pa.string()),
        ("entity", pa.string()),
        ("reason", pa.string()),
        ("column_name", pa.string()),
        ("value_class", pa.string()),
        ("raw", pa.string()),
        ("is_escaped", pa.bool_()),  # `raw` is not text but bytes: `lines.as_bytes` gives them back
        ("batch_id", pa.string()),
        ("source_file", pa.string()),
        ("source_position", pa.int64()),
        ("contract_version", pa.string()),
        ("refused_at", TIMESTAMP),
        ("replay", pa.int64()),  # number of the replay that is taking the record out
    ]
)
#: The only columns whose values may stand in the statistics of Delta's log (ADR 9).
CONFIGURATION = {"delta.dataSkippingStatsColumns": "batch_id,refused_at,replay"}
_WRITE = Computation("write the rejected rows to quarantine", reads=(REJECTED,))
#: Rows in memory at once: a record may be 8 MB.
_ROWS = 10_000


def write(
    connection: duckdb.DuckDBPyConnection,
    *,
    contract: Contract,
    entity: Entity,
    staged: Staged,
    commit: Commit,
    fence: Callable[[], None],
    now: datetime,
) -> int:
    """Write a batch's rejected rows and return how many; rows that a crashed attempt at this batch left are replaced.

    Args:
        fence: makes sure that the other attempt, should it be alive after all, can never commit its batch.

    Raises:
        ConflictError: another attempt at the same batch is alive.
    """
    was_attempted = commit.already_in(open_table(entity.quarantine_table))
    if not was_attempted and not staged.rejected:
        return 0
    verdicts = ", ".join(
        f"({number}, {literal(rule.verdict.reason)}, {literal(rule.verdict.column or '')})"
        for number, rule in enumerate(staged.rules, start=1)
    )
    with _WRITE.on(connection):
        count = single_value(connection, "select count(*) from rejected")
    rows = as_batches(
        connection,
        f"""select r.refused_id, {literal(entity.source)} as source, {literal(entity.name)} as entity,
                v.reason, nullif(v.column_name, '') as column_name, {_VALUE_CLASS} as value_class, r.raw,
                verdict = {ESCAPED} as is_escaped,
                {literal(staged.batch_id)} as batch_id, r.source_file, r.source_position,
                {literal(contract.version)} as contract_version, {literal(now)} as refused_at,
                null::bigint as replay
            from rejected r
            join (values ({UNREADABLE}, 'unreadable', ''), ({ESCAPED}, 'unreadable', ''), {verdicts})
                v(verdict, reason, column_name) using (verdict)""",
    )
    if was_attempted:
        fence()
        predicate = f"batch_id = {literal(staged.batch_id)}"
        writer.overwrite(entity.quarantine_table, rows, predicate=predicate, commit=commit)
    elif count and not writer.append(entity.quarantine_table, rows, commit=commit, configuration=CONFIGURATION):
        raise ConflictError(
            f"{entity.quarantine_table}: another machine is at the same batch", cure="run again when it is done"
        )
    return int(count)


def kept(entity: Entity) -> str:
    """SQL of an entity's quarantine; a table of before `is_escaped` lacks that column."""
    table = open_table(entity.quarantine_table)
    existing_columns = {field.name for field in table.schema().fields} if table else set()
    names = [name if name in existing_columns else f"null as {name}" for name in SCHEMA.names]
    return f"select {', '.join(names)} from {scan(entity.quarantine_table)}"


def as_batches(connection: duckdb.DuckDBPyConnection, query: str) -> pa.RecordBatchReader:
    """Rows of quarantine as a stream: a source that broke its contract may have millions of them."""
    reader = connection.execute(query).to_arrow_reader(_ROWS)
    return pa.RecordBatchReader.from_batches(SCHEMA, (batch.cast(SCHEMA) for batch in reader))


_VALUE_CLASS = """case when v.column_name = '' then 'record of ' || strlen(r.raw) || ' bytes'
    when json_extract(r.raw, '$."' || v.column_name || '"') is null then 'absent'
    else lower(json_type(r.raw, '$."' || v.column_name || '"')) || ' of '
        || length(json_extract_string(r.raw, '$."' || v.column_name || '"')) || ' characters' end"""

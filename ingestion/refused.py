"""Refused records on their way into quarantine: whole, with the reason, before the batch they came in.

A quarantine row holds the record as it came, why it was refused, and where it stood in the source. Its id is the
MD5 of the record, so that the same bad record delivered twice is kept once and counted as a double. Restricted zone.
"""

from datetime import datetime

import duckdb
import pyarrow as pa

from ingestion.connectors.base import Delivery, literal
from ingestion.contract import TIMESTAMP, Contract, Entity
from ingestion.staging import Staged
from lake import writer
from lake.tables import open_table
from lake.writer import Commit

SCHEMA = pa.schema(
    [
        ("refused_id", pa.string()),
        ("source", pa.string()),
        ("entity", pa.string()),
        ("reason", pa.string()),
        ("column_name", pa.string()),
        ("value_class", pa.string()),
        ("raw", pa.string()),
        ("batch_id", pa.string()),
        ("source_file", pa.string()),
        ("source_position", pa.int64()),
        ("contract_version", pa.string()),
        ("refused_at", TIMESTAMP),
        ("replay", pa.int64()),  # number of the replay that is taking the record out
    ]
)
#: The only columns whose values may stand in the statistics of Delta's log (D14).
CONFIGURATION = {"delta.dataSkippingStatsColumns": "batch_id,refused_at,replay"}
#: Rows in memory at once: a record may be 8 MB.
_ROWS = 10_000


def write(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    entity: Entity,
    delivery: Delivery,
    staged: Staged,
    *,
    commit: Commit,
    now: datetime,
) -> int:
    """Write a batch's refused rows and return how many; rows that a crashed attempt at this batch left are replaced."""
    was_attempted = commit.already_in(open_table(entity.quarantine_table))
    if not was_attempted and not staged.refused:
        return 0
    _locate(connection, delivery)
    verdicts = ", ".join(
        f"({number}, {literal(rule.verdict.reason)}, {literal(rule.verdict.column or '')})"
        for number, rule in enumerate(staged.rules, start=1)
    )
    (count,) = connection.execute("select count(*) from refused").fetchone() or (0,)
    reader = connection.execute(
        f"""select r.refused_id, {literal(entity.source)} as source, {literal(entity.name)} as entity,
                v.reason, nullif(v.column_name, '') as column_name, {_VALUE_CLASS} as value_class, r.raw,
                {literal(staged.batch_id)} as batch_id, r.source_file, r.source_position,
                {literal(contract.version)} as contract_version, timestamptz '{now.isoformat(sep=" ")}' as refused_at,
                null::bigint as replay
            from refused r
            join (values (0, 'unreadable', ''), {verdicts}) v(verdict, reason, column_name) using (verdict)"""
    ).to_arrow_reader(_ROWS)
    rows = pa.RecordBatchReader.from_batches(SCHEMA, (batch.cast(SCHEMA) for batch in reader))
    if was_attempted:
        predicate = f"batch_id = {literal(staged.batch_id)}"
        writer.overwrite(entity.quarantine_table, rows, predicate=predicate, commit=commit)
    elif count:
        writer.append(entity.quarantine_table, rows, commit=commit, configuration=CONFIGURATION)
    return int(count)


_VALUE_CLASS = """case when v.column_name = '' then 'record of ' || strlen(r.raw) || ' bytes'
    when json_extract(r.raw, '$."' || v.column_name || '"') is null then 'absent'
    else lower(json_type(r.raw, '$."' || v.column_name || '"')) || ' of '
        || length(json_extract_string(r.raw, '$."' || v.column_name || '"')) || ' characters' end"""


def _locate(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Fill in positions that reading in parallel does not know: the files that have refused rows are read once more."""
    if delivery.locate is None:
        return
    files = connection.execute("select distinct source_file from refused where source_position is null").fetchall()
    for (name,) in files:
        connection.execute(
            f"""update refused set source_position = found.source_position
                from (select raw, min(source_position) as source_position from ({delivery.locate(name)})
                      where raw in (select raw from refused where source_file = {literal(name)}) group by raw) found
                where refused.raw = found.raw and refused.source_file = {literal(name)}"""
        )

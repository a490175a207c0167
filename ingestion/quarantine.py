"""Refused records, kept whole: written before the batch they came in, listed, shown and replayed.

A quarantine row holds the record as it came, why it was refused, and where it stood in the source. Its id is the
MD5 of the record, so that the same bad record delivered twice is kept once and counted as a double. Restricted zone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from ingestion.checks import REASONS
from ingestion.connectors.base import Delivery, literal
from ingestion.contract import TIMESTAMP, Contract, Entity, load_contract
from ingestion.staging import Staged, refused_rows
from lake import writer
from lake.duck import connect
from lake.errors import LakeError
from lake.tables import list_tables, open_table, scan, table_exists
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
    ]
)
#: Bronze and quarantine keep statistics of these columns only (D14).
CONFIGURATION = {"delta.dataSkippingStatsColumns": "batch_id,refused_at"}


class UnknownRecordError(LakeError):
    """An id was asked for that is not in quarantine."""

    exit_code = 2


@dataclass(frozen=True)
class Refused:
    """One record in quarantine. `value_class` says what kind of value broke the rule, never the value."""

    refused_id: str
    source: str
    entity: str
    reason: str
    column_name: str | None
    value_class: str | None
    batch_id: str
    source_file: str | None
    source_position: int | None
    contract_version: str
    refused_at: datetime

    @property
    def explanation(self) -> str:
        """The reason in words."""
        return REASONS[self.reason] + (f": {self.column_name}" if self.column_name else "")


def write_refused(
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
    if not was_attempted and not staged.has_refused and delivery.refused is None:
        return 0
    connection.execute(f"create or replace temp table refused as {_refused_sql(entity, delivery, staged)}")
    _locate(connection, delivery)
    verdicts = ", ".join(
        f"({number}, {literal(rule.verdict.reason)}, {literal(rule.verdict.column or '')})"
        for number, rule in enumerate(staged.rules, start=1)
    )
    rows = connection.execute(
        f"""select r.refused_id, {literal(entity.source)} as source, {literal(entity.name)} as entity,
                v.reason, nullif(v.column_name, '') as column_name, {_VALUE_CLASS} as value_class, r.raw,
                {literal(staged.batch_id)} as batch_id, r.source_file, r.source_position,
                {literal(contract.version)} as contract_version, timestamptz '{now.isoformat(sep=" ")}' as refused_at
            from refused r join (values (0, 'unreadable', ''), {verdicts}) v(verdict, reason, column_name) using (verdict)"""
    ).to_arrow_table()
    if was_attempted:
        predicate = f"batch_id = {literal(staged.batch_id)}"
        writer.overwrite(entity.quarantine_table, rows.cast(SCHEMA), predicate=predicate, commit=commit)
    elif rows.num_rows:
        writer.append(entity.quarantine_table, rows.cast(SCHEMA), commit=commit, configuration=CONFIGURATION)
    return rows.num_rows


_VALUE_CLASS = """case when v.column_name = '' then 'record of ' || strlen(r.raw) || ' bytes'
    when json_extract(r.raw, '$."' || v.column_name || '"') is null then 'absent'
    else lower(json_type(r.raw, '$."' || v.column_name || '"')) || ' of '
        || length(json_extract_string(r.raw, '$."' || v.column_name || '"')) || ' characters' end"""


def _refused_sql(entity: Entity, delivery: Delivery, staged: Staged) -> str:
    parts = []
    if staged.files:
        parts.append(refused_rows(staged))
    if delivery.refused:
        known = "select null::varchar as refused_id where false"
        if table_exists(entity.quarantine_table):
            known = (
                f"select refused_id from {scan(entity.quarantine_table)} where batch_id <> {literal(staged.batch_id)}"
            )
        parts.append(
            f"""select raw, 0::usmallint as verdict, md5(raw) as refused_id, source_file, source_position
                from ({delivery.refused}) where md5(raw) not in ({known})
                qualify row_number() over (partition by raw) = 1"""
        )
    empty = """select null::varchar as raw, null::usmallint as verdict, null::varchar as refused_id,
        null::varchar as source_file, null::bigint as source_position where false"""
    return " union all ".join(parts) or empty


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


def list_refused(source: str | None = None) -> list[Refused]:
    """Every record in quarantine, newest first; without the records themselves."""
    if source is not None:
        load_contract(source)  # an unknown name is an error, not an empty list
    fields = ", ".join(Refused.__dataclass_fields__)
    tables = [name for name in list_tables("quarantine") if source is None or name.split("/")[1] == source]
    if not tables:
        return []
    every = " union all ".join(f"select {fields} from {scan(name)}" for name in tables)
    with connect() as connection:
        rows = connection.execute(f"{every} order by refused_at desc, source, entity, refused_id").fetchall()
    return [Refused(*row) for row in rows]


def show(refused_id: str) -> dict[str, Any]:
    """One record in quarantine with its raw text, by its id (or the beginning of it, where that is unique).

    Raises:
        UnknownRecordError: no record, or more than one, has this id.
    """
    with connect() as connection:
        found = list(_find(connection, refused_id))
    if len(found) != 1:
        raise UnknownRecordError(
            f"{len(found)} records in quarantine have an id that begins with {refused_id!r}",
            cure="take the id from `lake quarantine list`",
        )
    return found[0]


def _find(connection: duckdb.DuckDBPyConnection, prefix: str) -> Iterator[dict[str, Any]]:
    for name in list_tables("quarantine"):
        result = connection.execute(f"from {scan(name)} where starts_with(refused_id, ?)", [prefix])
        columns = [column[0] for column in result.description or []]
        yield from (dict(zip(columns, row, strict=True)) for row in result.fetchall())

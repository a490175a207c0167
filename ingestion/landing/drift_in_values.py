"""What a staged batch shows of a source's shape: files of which most records have one and the same fault.

JSON has no header, and a type shows in the values: both are known only once the rows are staged. Such a file is left
where it is, by `drift`'s rules, rather than put into quarantine record by record.
"""

import duckdb

from contracts.contract_file import Entity
from ingestion.landing import drift
from ingestion.landing.drift import EVIDENCE_ROWS, MAX_BROKEN_SHARE, DriftError
from ingestion.landing.staging import ESCAPED, REJECTED, UNREADABLE, Staged
from lake.sql.rows import has_rows
from lake.sql.scratch import Computation
from lake.sql.text import literal
from lake.tables import scan, table_exists

_FIND_CHANGES = Computation("find files of another shape", reads=(REJECTED,))


def changes(
    connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged, *, is_stream: bool
) -> dict[str, DriftError]:
    """Files whose shape changed, with the error for each.

    A batch of a stream is no file: twenty bad messages of one device must not stop all others, so that its records
    are rejected one by one; only a column that none of them has any more counts.
    """
    with _FIND_CHANGES.on(connection):
        faults = {} if is_stream else _common_faults(connection, entity, staged)
        return faults | _gone_columns(connection, entity, staged)


def _gone_columns(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> dict[str, DriftError]:
    """Files of JSON no record of which has a required column any more."""
    required = _rules(staged, "missing_required")
    if not required or not has_rows(connection, "from rejected where keys is not null"):
        return {}
    with_good = f"select source_file from {staged.scan()}" if staged.files else "select null where false"
    rows = connection.execute(
        f"""select source_file, list_distinct(flatten(list(keys))) from rejected
            group by source_file
            having count(*) >= {EVIDENCE_ROWS} and count(keys) = count(*)
                and count(*) = count(*) filter (where verdict in ({", ".join(map(str, required))}))
                and source_file not in ({with_good})"""
    ).fetchall()
    contract_columns = {name for column in entity.columns for name in column.names}
    errors = {}
    for source_file, keys in rows:
        missing = [name for name in required.values() if not set(entity.column(name).names) & set(keys)]
        if missing:
            errors[source_file] = drift.missing_columns(entity, missing, set(keys) - contract_columns)
    return errors


def _common_faults(connection: duckdb.DuckDBPyConnection, entity: Entity, staged: Staged) -> dict[str, DriftError]:
    """Files most records of which cannot be parsed, or have one column that is not of its type.

    Records known from quarantine are no news.
    """
    typed = _rules(staged, "wrong_type")
    least = int(EVIDENCE_ROWS * MAX_BROKEN_SHARE)
    faulty = f"verdict in ({', '.join(map(str, [UNREADABLE, ESCAPED, *typed]))})"
    fault = f"case when verdict = {ESCAPED} then {UNREADABLE} else verdict end"
    many = f"select source_file from rejected where {faulty} group by source_file, {fault} having count(*) > {least}"
    if not has_rows(connection, many):
        return {}
    news = "true"
    if table_exists(entity.quarantine_table):
        known_ids = (
            f"select refused_id from {scan(entity.quarantine_table)} where batch_id <> {literal(staged.batch_id)}"
        )
        news = f"refused_id not in ({known_ids})"
    good = f"union all select source_file, null from {staged.scan()}" if staged.files else ""
    rows = connection.execute(
        f"""with records as (select source_file, verdict from rejected where {news} {good}),
            files as (select source_file, count(*) as records from records
                where source_file in ({many}) group by source_file)
            select source_file, {fault}, count(*), any_value(files.records)
            from records join files using (source_file) where {faulty}
            group by source_file, {fault}
            having any_value(files.records) >= {EVIDENCE_ROWS}
                and count(*) > {MAX_BROKEN_SHARE} * any_value(files.records)"""
    ).fetchall()
    return {
        source_file: drift.unreadable_records(entity, broken, records)
        if verdict == UNREADABLE
        else drift.changed_column(entity, name=typed[verdict], broken=broken, records=records)
        for source_file, verdict, broken, records in rows
    }


def _rules(staged: Staged, reason: str) -> dict[int, str]:
    """Columns of the rules that have a reason, by the number of the rule."""
    return {
        number: rule.verdict.column
        for number, rule in enumerate(staged.rules, start=1)
        if rule.verdict.reason == reason and rule.verdict.column is not None
    }

"""The suites of bronze, derived from the contracts: nobody writes them, so bronze and contract cannot disagree.

Landing already rejects rows that break a contract. These checks apply the contract to the table itself (a replay, a
migration or a hand-made row included), and to what no single row shows: a silent source, a thin day, duplicate rows.
"""

from collections.abc import Mapping

from contracts.contract_file import Column, Contract, Entity, server_options
from expectations.check import Check, Severity
from expectations.delivery import NEWEST_ROWS, UNUSUAL_DAYS, WATCHED_DAYS
from lake.sql.text import literal, quoted
from lake.sql.types import duckdb_type

#: Events dated after the moment they were known: clocks are skewed, so a few are expected (percent of rows).
EARLY_EVENTS_TOLERATED = 1.0
#: Percent of an entity's records that may be in quarantine, once there are more than a handful.
REFUSED_TOLERATED, FEW_RECORDS = 5.0, 20


def suite(contract: Contract, entity: Entity, columns: Mapping[str, str], *, has_quarantine: bool) -> list[Check]:
    """All checks of an entity's bronze table, which has `columns` (name: DuckDB type).

    `has_quarantine` says whether the entity has a table of rejected records; it has none before the first.
    """
    present = [column for column in entity.columns if column.name in columns]
    checks = [_columns_match(entity, columns), *_delivery(contract, entity)]
    for column in present:
        checks += _column_checks(column)
    if {"record_id", "content_hash", "known_at"} <= columns.keys():
        checks += _landing_checks(contract, entity)
    if has_quarantine:
        checks.append(_few_refused(contract, entity))
    return checks


def _few_refused(contract: Contract, entity: Entity) -> Check:
    rejected = f"(select count(*) from {quoted(entity.quarantine_table)})"
    share = f"100.0 * {rejected} / (count(*) + {rejected})"
    return Check(
        name="few_records_are_refused",
        measure=f"case when {rejected} < {FEW_RECORDS} then 0 else {share} end",
        maximum=REFUSED_TOLERATED,
        unit="% of records",
        severity="warn",
        expected=f"at most {REFUSED_TOLERATED:g} % of records in quarantine (below {FEW_RECORDS} they do not count)",
        cure=f"read the reasons with `lake quarantine list {entity.source}` and take them to {contract.steward}",
    )


def _columns_match(entity: Entity, columns: Mapping[str, str]) -> Check:
    wrong = [f.name for f in entity.bronze_schema() if columns.get(f.name) != duckdb_type(f.type)]
    return Check(
        name="columns_match_contract",
        measure=str(len(wrong)),
        unit="columns",
        expected="every column of the contract, with its type" + (f" (wrong: {', '.join(wrong[:8])})" if wrong else ""),
        cure="land the source again with `lake run --full-refresh`, or put the contract right",
    )


def _column_checks(column: Column) -> list[Check]:
    name = quoted(column.name)
    severity: Severity = "warn" if column.severity == "warn" else "block"
    ask = f"ask the owner of the source why {column.name} changed; correct the contract only if the change is agreed"
    checks = []
    if column.required:
        checks.append(
            _rows(
                column,
                name="is_never_empty",
                where=f"{name} is null",
                expected="a value in every row",
                severity="block",
                cure=ask,
            )
        )
    if column.allowed:
        allowed_values = ", ".join(literal(value) for value in column.allowed)
        rule = f"one of: {', '.join(column.allowed)}"
        checks.append(
            _rows(
                column,
                name="is_a_known_value",
                where=f"{name} not in ({allowed_values})",
                expected=rule,
                severity=severity,
                cure=ask,
            )
        )
    bounds = [f"{name} < {column.minimum}"] if column.minimum is not None else []
    bounds += [f"{name} > {column.maximum}"] if column.maximum is not None else []
    if bounds:
        low = "" if column.minimum is None else f"at least {column.minimum:g}"
        high = "" if column.maximum is None else f"at most {column.maximum:g}"
        rule = " and ".join(part for part in (low, high) if part)
        checks.append(
            _rows(column, name="is_in_range", where=" or ".join(bounds), expected=rule, severity="block", cure=ask)
        )
    if column.pattern:
        wrong = f"not regexp_matches({name}, {literal(column.pattern)})"
        checks.append(
            _rows(
                column,
                name="has_its_form",
                where=wrong,
                expected=f"the form {column.pattern}",
                severity="block",
                cure=ask,
            )
        )
    return checks


def _rows(column: Column, *, name: str, where: str, expected: str, severity: Severity, cure: str) -> Check:
    return Check(
        name=name,
        column=column.name,
        measure=f"count(*) filter (where {where})",
        severity=severity,
        expected=expected,
        cure=cure,
    )


def _version(contract: Contract, entity: Entity) -> str:
    """What no two rows of bronze share. A record that came back, or a log that holds every change, may bring a content
    again: then it is known at another moment."""
    is_log = any(server_options(server).get("replication") == "logical" for server in contract.servers)
    comes_again = is_log or entity.deletes.mode == "compare"
    return "(record_id, content_hash, known_at)" if comes_again else "(record_id, content_hash)"


def _landing_checks(contract: Contract, entity: Entity) -> list[Check]:
    prefix = entity.record_id_prefix
    return [
        Check(
            name="has_rows",
            measure="count(*)",
            minimum=1,
            maximum=None,
            severity="warn",
            expected="at least one row",
            cure="look at the source's landing run; an entity that never delivers should leave the contract",
        ),
        Check(
            name="is_landed_once",
            column="record_id",
            measure=f"count(*) - count(distinct {_version(contract, entity)})",
            expected="each version of a record once",
            cure="stop writers of this table and rebuild it with `lake run --full-refresh`; rows were landed twice",
        ),
        Check(
            name="names_its_source",
            column="record_id",
            measure=f"count(*) filter (where record_id is null or not starts_with(record_id, {literal(prefix)}))",
            expected=f"every record_id starts with {prefix}",
            cure="look at the landing of this entity: the ids would collide with another entity's",
        ),
        Check(
            name="is_not_from_the_future",
            column="known_at",
            measure="count(*) filter (where known_at > lake_now() + interval 1 day)",
            severity="warn",
            expected="no row known later than a day from now",
            cure="compare the clock of the source with the lake's (`lake status`)",
        ),
        Check(
            name="happened_before_it_was_known",
            column="event_at",
            measure="100.0 * count(*) filter (where event_at > known_at + interval 1 day) / greatest(count(*), 1)",
            maximum=EARLY_EVENTS_TOLERATED,
            unit="% of rows",
            severity="warn",
            expected=f"at most {EARLY_EVENTS_TOLERATED:g} % of events dated more than a day after they were known",
            cure="ask the source about its clocks and time zones",
        ),
    ]


def _delivery(contract: Contract, entity: Entity) -> list[Check]:
    hours = contract.freshness.total_seconds() / 3600
    newest = f"(select newest from {NEWEST_ROWS} where source = {literal(contract.source)})"
    unusual = f"(select count(*) from {UNUSUAL_DAYS} where is_watched and table_name = {literal(entity.table)})"
    return [
        Check(
            name="source_is_fresh",
            measure=f"date_diff('minute', {newest}, lake_now()) / 60.0",
            maximum=hours,
            unit="hours",
            severity="warn",
            scope="source",
            expected=f"newest row of {contract.source} at most {hours:g} hours old",
            cure=f"ask {contract.steward} ({contract.owner}) whether {contract.source} delivers; then `lake run`",
        ),
        Check(
            name="volume_is_usual",
            measure=unusual,
            unit="days",
            severity="warn",
            expected=f"no day of the last {WATCHED_DAYS} with far fewer or far more rows than the four weeks before",
            cure=f"ask {contract.steward} ({contract.owner}) what happened on those days; see the chart of the source",
        ),
    ]

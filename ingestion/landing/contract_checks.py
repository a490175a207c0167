"""A contract as SQL: what a raw value must look like, what type it becomes, and why a row is rejected.

Every check runs vectorised in DuckDB over the whole batch. A value either becomes exactly what the contract says
or its row is rejected: no rounding of 12.5 to an integer, no NaN for a number, no `epoch` or `infinity` for a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

import duckdb

from contracts.contract_file import Column, Entity
from contracts.errors import LakeError
from lake.sql.connections import connect
from lake.sql.rows import single_value
from lake.sql.text import literal, quoted
from lake.sql.types import DUCKDB_TYPES, duckdb_type

#: Reason codes of rejected rows, and what each says.
REASONS: dict[str, str] = {
    "unreadable": "the record cannot be parsed",
    "missing_required": "a required value is missing",
    "wrong_type": "the value is not of the contract's type",
    "not_allowed": "the value is not one of the allowed ones",
    "bad_pattern": "the text does not match the pattern",
    "out_of_range": "the number is outside the allowed range",
    "time_out_of_range": "the time cannot be right",
}
#: No system of ours is older; what says so has lost its clock (1970) or its century.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
#: Clocks that run ahead and time zones taken for UTC stay within a day; anything later has not happened yet.
AHEAD = timedelta(days=1)

#: What Arrow and Python can hold of time.
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
#: A double holds every whole number up to here, and not every one beyond.
_WHOLE_DOUBLE = 2**53
_INTEGER = r"[+-]?[0-9]{1,19}(\.0*)?"
_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
#: Raw types that are the contract's type as they are: the type itself, and for numbers the narrower ones.
_EXACT = {kind: {name} for kind, name in DUCKDB_TYPES.items()}
_EXACT["integer"] |= {"TINYINT", "SMALLINT", "INTEGER"}
_EXACT["number"] |= {"FLOAT"}
#: One value of each type, and the XOR of their hashes as DuckDB 1.5.5 makes them.
_SAMPLE = (
    "'n', 'text'", "'n', 7::bigint", "'n', 0.5::double", "'n', true", "'n', timestamptz '2026-01-01 00:00:00+00'",
    "'n', date '2026-01-01'", "'n', null::varchar",
)  # fmt: skip
_SAMPLE_HASH = 18128488804623484060
_WHOLE = {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")}


class EngineError(LakeError):
    """The compute engine is not one that bronze can be written with."""


@dataclass(frozen=True)
class Verdict:
    """Why a row is rejected: a code of `REASONS` and the column (None where it is the whole record)."""

    reason: str
    column: str | None


@dataclass(frozen=True)
class Rule:
    """`broken` is a SQL condition over a typed row, true where the row breaks the contract."""

    broken: str
    verdict: Verdict
    severity: str = "block"


def typed(column: Column, raw: str, raw_type: str) -> str:
    """SQL that turns a raw value into the contract's type: null where that cannot be done exactly."""
    kind = column.logical_type
    if raw_type != "VARCHAR":
        return _from_native(kind, raw, raw_type)
    if kind == "string":
        return raw
    text = f"nullif({raw}, '')"
    if kind == "integer":
        return f"case when regexp_full_match({text}, '{_INTEGER}') then try_cast({text} as bigint) end"
    if kind == "number":
        return f"case when regexp_full_match({text}, '{_NUMBER}') then try_cast({text} as double) end"
    if kind == "date":
        return f"case when regexp_full_match({text}, '{_DATE}') then try_cast({text} as date) end"
    if kind == "timestamp":
        # A digit first: no `epoch`, `infinity` or `now`. A digit, Z or UTC last: no `CST`, which is China's time here
        # and Chicago's there. No offset of a day. Digits beyond the microsecond are cut (ADR 9).
        # Most times end in one of three ways; asking for the last characters of the others costs as much as the cast.
        usual = " or ".join(f"ends_with({text}, '{end}')" for end in ("Z", "+00:00", "+00"))
        is_time = (
            f"{text} >= '0' and {text} < ':' and ({usual} or (({text}[-1] < ':' or ends_with({text}, 'UTC'))"
            f" and ({text}[-5] < '2' or {text}[-6] not in ('+', '-'))))"
        )
        return f"case when {is_time} then try_cast({text} as timestamptz) end"
    return f"try_cast({text} as {duckdb_type(kind)})"


def as_text(raw: str, raw_type: str) -> str:
    """SQL of a value as text: lists and structures as JSON, bytes escaped where they are no text."""
    if raw_type.endswith("]") or raw_type.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({raw})::varchar"
    return raw if raw_type == "VARCHAR" else f"{raw}::varchar"


def _from_native(kind: str, raw: str, raw_type: str) -> str:
    target = duckdb_type(kind)
    if raw_type in _EXACT[kind]:
        return f"{raw}::{target}"
    if kind == "string":  # many writers do not say that their bytes are text
        return f"try(decode({raw}))" if raw_type == "BLOB" else as_text(raw, raw_type)
    if kind == "boolean":
        return f"case when {raw} in (0, 1) then {raw} = 1 end" if raw_type in _WHOLE else "null::boolean"
    is_float = raw_type in ("DOUBLE", "FLOAT") or raw_type.startswith("DECIMAL")
    if kind == "integer":
        if is_float:
            return f"case when {raw} = floor({raw}) then try_cast({raw} as bigint) end"
        return f"try_cast({raw} as bigint)" if raw_type in _WHOLE else "null::bigint"
    if kind == "number":
        if raw_type in _WHOLE:  # an account number that lost its last digits is another account's
            return f"case when try_cast({raw}::double as hugeint) = {raw} then {raw}::double end"
        return f"{raw}::double" if is_float else "null::double"
    if kind == "timestamp":
        return f"try_cast({raw} as timestamptz)" if raw_type.startswith(("TIMESTAMP", "DATE")) else "null::timestamptz"
    if raw_type.startswith("TIMESTAMP"):  # a date has no time of day to lose
        return f"case when {raw} = date_trunc('day', {raw}) then {raw}::date end"
    return "null::date"


def rules(entity: Entity, *, raw: Mapping[str, str], types: Mapping[str, str], now: datetime) -> Iterator[Rule]:
    """Every rule of an entity, in the order of its columns; the first broken one gives a row its reason.

    Args:
        raw: SQL of each column's raw value; the typed value is the column by its name.
        types: DuckDB types of the raw values. What the type itself promises is not checked again: asking 2 million
            native times for their text cost more than everything else.
    """
    timed = {"event_at", entity.known_at, entity.watermark}
    for column in entity.columns:
        value, source, raw_type = quoted(column.name), raw[column.name], types[column.name]
        is_text = raw_type == "VARCHAR"
        if column.required:
            empty_is_nothing = is_text and (column.logical_type != "string" or column.primary_key)
            missing = f"coalesce({source}, '') = ''" if empty_is_nothing else f"{source} is null"
            yield Rule(missing, Verdict("missing_required", column.name))
        if raw_type not in _EXACT[column.logical_type]:
            present = f"nullif({source}, '')" if is_text else source
            yield Rule(f"{value} is null and {present} is not null", Verdict("wrong_type", column.name))
        if column.logical_type == "number":
            broken = f"not isfinite({value})"
            if is_text:
                broken += f" or case when abs({value}) >= {_WHOLE_DOUBLE} then {_is_bent(value, source)} else false end"
            yield Rule(broken, Verdict("wrong_type", column.name))
        if column.allowed:
            allowed = ", ".join(literal(v) for v in column.allowed)
            yield Rule(f"{value}::varchar not in ({allowed})", Verdict("not_allowed", column.name), column.severity)
        if column.pattern:
            yield Rule(
                f"not regexp_matches({value}::varchar, {literal(column.pattern)})", Verdict("bad_pattern", column.name)
            )
        outside = [
            f"{value} {sign} {bound!r}"
            for sign, bound in (("<", column.minimum), (">", column.maximum))
            if bound is not None
        ]
        if outside:
            yield Rule(" or ".join(outside), Verdict("out_of_range", column.name))
        if column.logical_type in ("timestamp", "date"):
            low, high = (EARLIEST, now + AHEAD) if column.name in timed else (_FIRST, _LAST)
            yield Rule(
                f"{value} < {literal(low)} or {value} > {literal(high)}", Verdict("time_out_of_range", column.name)
            )


def _is_bent(value: str, text: str) -> str:
    """SQL condition: a whole number as text, and the double made of it is another number."""
    same = f"coalesce(try_cast({value} as hugeint) = try_cast({text} as hugeint), false)"
    return f"(regexp_full_match({text}, '[+-]?[0-9]+') and not {same})"


def verdict_case(blocking: Sequence[Rule], unreadable: Mapping[int, str] | None = None) -> str:
    """SQL for the index (from 1) of the first broken rule, null for a good row.

    Args:
        unreadable: conditions that go before all rules, by the number that stands for each.
    """
    whens = [f"when {condition} then {number}" for number, condition in (unreadable or {}).items()]
    whens += [f"when {rule.broken} then {number}" for number, rule in enumerate(blocking, start=1)]
    return f"(case {' '.join(whens)} end)::usmallint"


def record_id(entity: Entity) -> str:
    """SQL of `<source>:<entity>:<natural key>`, with tokens for key columns that are personal (ADR 5)."""
    parts = [
        f"lake_token({quoted(name)}::varchar)" if entity.column(name).is_personal else f"{quoted(name)}::varchar"
        for name in entity.primary_key
    ]
    return f"{literal(entity.record_id_prefix)} || " + " || '|' || ".join(parts)


def content_hash(entity: Entity, added: Sequence[str]) -> str:
    """SQL of the hash of a row's content, a positive BIGINT: the same whatever the order of the columns.

    Each column is hashed with its name, and the hashes are brought together by XOR; a null adds nothing, so that a
    row keeps its hash when the contract later gains a column it lacks. 63 bits tell the versions of one key apart,
    not all rows from each other: exact duplicates are compared by `record_id` as well. It is DuckDB's own hash (MD5
    over the values as text cost as much as all the rest of landing), see `engine`.
    """
    names = [column.name for column in entity.columns] + list(added)
    types = [duckdb_type(column.logical_type) for column in entity.columns] + ["varchar"] * len(added)
    hashes = [f"hash({literal(name)}, {quoted(name)})" for name in names]
    nothing = [f"hash({literal(name)}, null::{kind})" for name, kind in zip(names, types, strict=True)]
    return f"({reduce(_xor, hashes + nothing)} >> 1)::bigint"


def _xor(left: str, right: str) -> str:
    return f"xor({left}, {right})"


def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB connection whose hashes are those by which bronze knows its rows: for all that compare contents.

    Raises:
        EngineError: this DuckDB hashes otherwise: it would take every row that comes again for a new one.
    """
    connection = connect()
    if single_value(connection, f"select {reduce(_xor, (f'hash({value})' for value in _SAMPLE))}") != _SAMPLE_HASH:
        connection.close()
        raise EngineError(
            f"DuckDB {duckdb.__version__} hashes values otherwise than the version bronze was landed with",
            cure="install the versions of requirements.lock",
        )
    return connection

"""Names, values, rows and types of SQL: what is written is what the engines read back."""

import math
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import pyarrow as pa
import pytest

from contracts.catalogue.column_types import type_word
from contracts.logical_types import ARROW_TYPES, TIMESTAMP, logical_type
from contracts.settings import PROJECT_ROOT
from lake.sql import rows
from lake.sql.text import literal, quoted
from lake.sql.types import DUCKDB_TYPES, duckdb_type, typed_null

AT = datetime(2026, 7, 1, 12, 30, 0, 123456, UTC)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    return connection


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("plain", "VARCHAR"),
        ("O'Neil; drop table x; --", "VARCHAR"),
        ("", "VARCHAR"),
        (7, "INTEGER"),
        (-(2**63) + 1, "BIGINT"),
        (True, "BOOLEAN"),
        (False, "BOOLEAN"),
        (0.1, "DOUBLE"),
        (1e-05, "DOUBLE"),
        (1.5e300, "DOUBLE"),
        (-math.inf, "DOUBLE"),
        (date(2026, 2, 28), "DATE"),
        (AT, "TIMESTAMP WITH TIME ZONE"),
        (AT.replace(tzinfo=None), "TIMESTAMP"),
        (None, '"NULL"'),
    ],
)
def test_a_literal_is_read_back_as_the_value_and_in_its_type(
    connection: duckdb.DuckDBPyConnection, value: Any, kind: str
) -> None:
    read, read_type = rows.single_row(connection, f"select {literal(value)}, typeof({literal(value)})")
    assert read_type == kind
    assert read == value


def test_a_literal_of_no_number_is_no_number(connection: duckdb.DuckDBPyConnection) -> None:
    assert math.isnan(rows.single_value(connection, f"select {literal(math.nan)}"))


def test_a_literal_keeps_the_instant_of_another_time_zone(connection: duckdb.DuckDBPyConnection) -> None:
    at = datetime(2026, 7, 1, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    assert rows.single_value(connection, f"select epoch_us({literal(at)})") == at.timestamp() * 1e6


def test_a_path_is_a_text_literal() -> None:
    assert literal(Path("/tmp/it's here")) == "'/tmp/it''s here'"


def test_a_value_without_a_literal_is_an_error() -> None:
    with pytest.raises(TypeError, match="bytes"):
        literal(b"raw")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["plain", 'say "when"', "select", "客户", "a b"])
def test_a_quoted_name_is_the_name(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    connection.execute(f"create table {quoted(name)} ({quoted(name)} integer)")
    assert rows.column_types(connection, quoted(name)) == {name: "INTEGER"}


def test_rows_come_as_dicts_in_the_order_of_the_query(connection: duckdb.DuckDBPyConnection) -> None:
    query = "select n, n * 2 as twice from range(?) t(n) order by n desc"
    assert rows.as_dicts(connection, query, [2]) == [{"n": 1, "twice": 2}, {"n": 0, "twice": 0}]
    assert rows.as_dicts(connection, "select $a as a", {"a": 1}) == [{"a": 1}]


def test_a_single_row_is_exactly_one(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows.single_row(connection, "select 1, 2") == (1, 2)
    with pytest.raises(ValueError, match="none"):
        rows.single_row(connection, "select 1 where false")
    with pytest.raises(ValueError, match="more"):
        rows.single_row(connection, "from range(2)")
    with pytest.raises(ValueError, match="2"):
        rows.single_value(connection, "select 1, 2")


def test_the_first_row_may_be_missing(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows.first_row(connection, "from range(3)") == (0,)
    assert rows.first_row(connection, "select 1 where false") is None
    assert rows.has_rows(connection, "from range(3)")
    assert not rows.has_rows(connection, "select 1 where false")


def test_one_column_is_a_list_of_values(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows.column_values(connection, "from range(3)") == [0, 1, 2]


@pytest.mark.parametrize("name", list(ARROW_TYPES))
def test_every_logical_type_is_one_type_in_arrow_and_duckdb(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    assert set(DUCKDB_TYPES) == set(ARROW_TYPES)
    table = connection.sql(f"select {typed_null(name)} as c").to_arrow_table()
    assert table.schema.field("c").type == ARROW_TYPES[name]
    assert logical_type(ARROW_TYPES[name]) == name
    assert rows.column_types(connection, f"(select {typed_null(name)} as c)") == {"c": duckdb_type(name)}
    assert duckdb_type(ARROW_TYPES[name]) == duckdb_type(name)


NESTED = pa.list_(pa.struct([("comparison", pa.string()), ("weight_bits", pa.float64()), ("first_seen_at", TIMESTAMP)]))


def test_nested_types_have_names_in_both_engines(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.sql(f"select {typed_null(NESTED)} as c").to_arrow_table().schema.field("c").type == NESTED
    assert type_word(NESTED) == "array<struct<comparison:string,weight_bits:double,first_seen_at:timestamp>>"


def test_a_type_that_no_table_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="month_day"):
        duckdb_type(pa.month_day_nano_interval())
    with pytest.raises(ValueError, match="text"):
        duckdb_type("text")
    with pytest.raises(ValueError, match="int32"):
        logical_type(pa.int32())


def test_dbts_macro_turns_sparks_words_into_duckdbs() -> None:
    class Returned(Exception):
        """dbt's `return` leaves a macro with a value; here it is raised and caught."""

    def leave(value: str) -> None:
        raise Returned(value)

    def engine_type(data_type: str) -> str:
        try:
            macro(data_type)
        except Returned as returned:
            return str(returned)
        raise AssertionError(data_type)

    text = (PROJECT_ROOT / "dbt_project" / "macros" / "engine" / "types.sql").read_text()
    only = text[text.index("{% macro duckdb__engine_type") : text.index("{#- What a contract on a model")]
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals |= {"return": leave, "engine_type": engine_type}
    macro = environment.from_string(only).module.duckdb__engine_type
    for kind in (*ARROW_TYPES.values(), NESTED, pa.list_(pa.string())):
        assert duckdb.sqltype(engine_type(type_word(kind))) == duckdb.sqltype(duckdb_type(kind))

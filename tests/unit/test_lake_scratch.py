"""A computation over a connection touches the tables that it declares, with their columns, and no others."""

from contextlib import nullcontext

import duckdb
import pyarrow as pa
import pytest

from lake.sql.rows import single_value
from lake.sql.scratch import Computation, ScratchError, ScratchTable

PAIRS = ScratchTable("pairs", {"l": "bigint", "r": "bigint"})
SCORED = ScratchTable("scored", {"l": "BIGINT", "weight": "double"}, prefixes={"weight_": "double"})
SCORE = Computation("score the pairs", reads=(PAIRS,), makes=(SCORED,))
QUERY = "select l, 1.0::double as weight, 0.5::double as weight_name from pairs"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("create table pairs as select 1::bigint as l, 2::bigint as r")
    return connection


def has(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    return bool(single_value(connection, "select count(*) from duckdb_tables() where table_name = ?", [name]))


def test_a_computation_makes_what_it_declares(connection: duckdb.DuckDBPyConnection) -> None:
    for _ in range(2):  # the second replaces what the first made
        with SCORE.on(connection) as scratch:
            scratch.make(SCORED, f"{QUERY} where l < ?", [2])
        assert single_value(connection, "select count(*) from scored") == 1


def test_a_missing_input_stops_a_computation_before_its_first_query(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop table pairs")
    with pytest.raises(ScratchError, match="score the pairs: the table pairs is missing"), SCORE.on(connection):
        pytest.fail("the body ran")


@pytest.mark.parametrize(
    ("columns", "problem"),
    [("1::bigint as l", "lacks the column r"), ("1::bigint as l, 'x' as r", "has r as VARCHAR, not bigint")],
)
def test_an_input_with_other_columns_is_named(
    connection: duckdb.DuckDBPyConnection, columns: str, problem: str
) -> None:
    connection.execute(f"create or replace table pairs as select {columns}")
    with pytest.raises(ScratchError, match=problem), SCORE.on(connection):
        pytest.fail("the body ran")


def test_an_input_may_have_more_columns(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create or replace table pairs as select 1::bigint as l, 2::bigint as r, 'x' as note")
    with SCORE.on(connection) as scratch:
        scratch.make(SCORED, QUERY)


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("select l from pairs", "lacks the column weight"),
        (QUERY.replace("0.5::double", "'x'"), "weight_name of type VARCHAR, which is not declared"),
        (QUERY.replace("weight_name", "note"), "a column note of type DOUBLE, which is not declared"),
    ],
)
def test_a_result_with_other_columns_is_an_error(
    connection: duckdb.DuckDBPyConnection, query: str, problem: str
) -> None:
    with pytest.raises(ScratchError, match=problem), SCORE.on(connection) as scratch:
        scratch.make(SCORED, query)


def test_what_is_declared_has_to_be_made(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ScratchError, match="scored is missing"), SCORE.on(connection):
        pass


def test_what_is_not_declared_cannot_be_made_or_dropped(connection: duckdb.DuckDBPyConnection) -> None:
    with SCORE.on(connection) as scratch:
        scratch.make(SCORED, QUERY)
        with pytest.raises(ScratchError, match="does not declare"):
            scratch.make(ScratchTable("notes", {"l": "bigint"}), "select 1::bigint as l")
        with pytest.raises(ScratchError, match="does not declare"):
            scratch.drop(PAIRS)


def test_inner_tables_and_dropped_inputs_go_with_the_computation(connection: duckdb.DuckDBPyConnection) -> None:
    step, view = ScratchTable("step", {"l": "bigint"}), ScratchTable("shown", {"l": "bigint"})
    take = Computation("take the pairs", drops=(PAIRS,), makes=(SCORED,), inner=(step, view))
    with take.on(connection) as scratch:
        scratch.make(step, "select l from pairs")
        scratch.make_view(view, "select l from step")
        scratch.make(SCORED, "select l, 0::double as weight from shown")
    assert not has(connection, "pairs")
    assert not has(connection, "step")
    with pytest.raises(duckdb.CatalogException):
        connection.execute("from shown")


def test_inner_tables_go_when_a_computation_fails_and_its_error_is_what_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    step = ScratchTable("step", {"l": "bigint"})
    fail = Computation("fail", drops=(PAIRS,), inner=(step,))

    def fail_midway() -> None:
        with fail.on(connection) as scratch:
            scratch.make(step, "select l from pairs")
            connection.execute("select nothing from step")

    with pytest.raises(duckdb.BinderException):
        fail_midway()
    assert not has(connection, "step")
    assert has(connection, "pairs")


def test_an_empty_table_takes_rows_by_name(connection: duckdb.DuckDBPyConnection) -> None:
    with SCORE.on(connection) as scratch:
        scratch.make_empty(SCORED)
        scratch.insert(SCORED, "select ?::double as weight, l from pairs", [0.5])
    assert single_value(connection, "select weight from scored where l = 1") == 0.5


def test_arrow_rows_become_a_table(connection: duckdb.DuckDBPyConnection) -> None:
    data = pa.table({"record_id": ["a"], "at": pa.array([0], pa.timestamp("us", "UTC"))})
    records = ScratchTable.of_schema("records", data.schema)
    with Computation("take the records", makes=(records,)).on(connection) as scratch:
        scratch.put(records, data)
    assert single_value(connection, "select record_id from records") == "a"


def test_a_table_that_cursors_read_is_a_table_of_the_database(connection: duckdb.DuckDBPyConnection) -> None:
    shared = ScratchTable("shared", {"l": "bigint"}, is_temporary=False)
    with Computation("share", makes=(shared,)).on(connection) as scratch:
        scratch.make(shared, "select l from pairs")
    assert single_value(connection.cursor(), "select count(*) from shared") == 1


def test_a_python_variable_of_the_name_is_no_table(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("drop table pairs")
    pairs = pa.table({"l": [1], "r": [2]})
    assert PAIRS.problems(connection, is_whole=True) == ["is missing"], pairs


@pytest.mark.parametrize(("kind", "is_allowed"), [("bigint", True), ("hugeint", True), ("integer", False)])
def test_column_may_have_one_of_the_declared_types(kind: str, is_allowed: bool) -> None:
    table = ScratchTable("bits", {"keys": "BIGINT | HUGEINT"}, prefixes={"more_": "BIGINT | DOUBLE"})
    with duckdb.connect() as connection:
        computation = Computation("collect bits", makes=(table,))
        with (
            nullcontext() if is_allowed else pytest.raises(ScratchError, match="bits has keys as INTEGER"),
            computation.on(connection) as step,
        ):
            step.make(table, f"select 1::{kind} as keys, 1::double as more_bits")


def test_empty_table_gets_the_first_of_the_declared_types() -> None:
    table = ScratchTable("bits", {"keys": "HUGEINT | BIGINT"})
    with duckdb.connect() as connection, Computation("begin with no bits", makes=(table,)).on(connection) as step:
        step.make_empty(table)
        assert connection.table("bits").types == ["HUGEINT"]

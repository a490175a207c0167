"""Great Expectations inside DuckDB: what is promised of our engine, and canaries for what we rely on in GX."""

import logging
import socket
from collections.abc import Iterator
from typing import Any

import duckdb
import duckdb_engine
import great_expectations.execution_engine.sqlalchemy_execution_engine as sql_engine
import pytest

from expectations.check import Check
from expectations.great_expectations_duckdb import Checker, Outcome

PLANTED = "planted.person@example.com"


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            f"""create table "marts/people" as select * from (values
                    (1, 'gold', 'a@b.cn'), (2, 'gold', null), (3, 'tin', '{PLANTED}')) as t(id, tier, mail)"""
        )
        made.execute('create table "marts/nobody" (id integer)')
        yield made


def check(measure: str = "", *, maximum: float | None = 0, **more: Any) -> Check:
    return Check(name="promise", measure=measure, maximum=maximum, expected="", cure="", **more)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that reaches DuckDB through Great Expectations."""
    seen: list[str] = []
    execute = duckdb_engine.CursorWrapper.execute

    def spy(self: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)
        execute(self, statement, *rest)

    monkeypatch.setattr(duckdb_engine.CursorWrapper, "execute", spy)
    return seen


def test_measure_is_checked_against_its_bounds(connection: duckdb.DuckDBPyConnection) -> None:
    asked = [
        check("count(*) filter (where mail is null)"),
        check("count(*) filter (where tier is null)"),
        check("count(*)", minimum=3, maximum=None),
        check("count(*)", minimum=4, maximum=None),
        check("2.5", maximum=2.5),
    ]
    found = Checker(connection).validate("marts/people", asked)
    assert [outcome.measured for outcome in found] == [1, 0, 3, 3, 2.5]
    assert [outcome.passed for outcome in found] == [False, True, True, False, True]


def test_scalar_query_is_measured_over_an_empty_table_too(connection: duckdb.DuckDBPyConnection) -> None:
    found = Checker(connection).validate("marts/nobody", [check('(select count(*) from "marts/people")')])
    assert found == [Outcome(passed=False, measured=3.0)]


def test_all_measures_of_a_table_are_one_statement(
    connection: duckdb.DuckDBPyConnection, statements: list[str]
) -> None:
    asked = [check(f"count(*) filter (where id = {number})", maximum=None) for number in range(20)]
    assert len(Checker(connection).validate("marts/people", asked)) == 20
    assert len([s for s in statements if "filter" in s]) == 1, "GX no longer folds aggregates: 20 times the scans"


def test_wrong_expression_does_not_hide_the_others(connection: duckdb.DuckDBPyConnection) -> None:
    found = Checker(connection).validate("marts/people", [check("no_such(1)"), check("count(*)"), check("max(nope)")])
    assert [outcome.passed for outcome in found] == [False, False, False]
    assert [outcome.measured for outcome in found] == [None, 3, None]
    assert "no_such" in found[0].error
    assert "nope" in found[2].error


def test_error_never_quotes_a_value(
    connection: duckdb.DuckDBPyConnection, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = Checker(connection).validate("marts/people", [check("sum(cast(mail as integer))")])
    assert found[0].error == "ConversionException"
    printed = capfd.readouterr()
    assert PLANTED not in caplog.text + printed.out + printed.err + repr(found)


def test_stock_expectation_runs_and_fetches_no_value(
    connection: duckdb.DuckDBPyConnection, statements: list[str]
) -> None:
    asked = [
        check(expectation="expect_column_values_to_be_in_set", arguments={"column": "tier", "value_set": ["gold"]}),
        check(expectation="expect_column_values_to_not_be_null", arguments={"column": "id"}),
        check("count(*)", maximum=None),
    ]
    found = Checker(connection).validate("marts/people", asked)
    assert [outcome.passed for outcome in found] == [False, True, True]
    assert not [s for s in statements if "limit" in s.lower()], "GX fetched failing values"


def test_nothing_of_a_run_calls_outside(connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    def reject(*_: object) -> None:
        raise AssertionError("Great Expectations opened a connection")

    monkeypatch.setattr(socket.socket, "connect", reject)
    monkeypatch.setattr(socket, "getaddrinfo", reject)
    assert Checker(connection).validate("marts/people", [check("count(*)", maximum=3)])[0].passed


def test_checker_may_outlive_the_connection(capfd: pytest.CaptureFixture[str]) -> None:
    import gc

    with duckdb.connect() as made:
        made.execute('create table "marts/people" (id integer)')
        checker = Checker(made)
        checker.validate("marts/people", [check("count(*)")])
    del checker
    gc.collect()
    assert "Exception" not in capfd.readouterr().err


def test_canary_gx_still_keeps_its_persisted_dialects_where_we_add_duckdb(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without our line every measure fails; once this passes without it, the line can go."""
    Checker(connection)
    with_us = sql_engine._PERSISTED_CONNECTION_DIALECTS
    assert "duckdb" in with_us
    monkeypatch.setattr("expectations.great_expectations_duckdb._keep_connection_open", lambda: None)
    without_us = tuple(dialect for dialect in with_us if dialect != "duckdb")
    monkeypatch.setattr(sql_engine, "_PERSISTED_CONNECTION_DIALECTS", without_us)
    assert Checker(connection).validate("marts/people", [check("count(*)", maximum=3)])[0].error

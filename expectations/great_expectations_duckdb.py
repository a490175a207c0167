"""Great Expectations inside DuckDB, in one process, over views on `delta_scan` (ADR 14). No pandas frame, no telemetry.

Everything that depends on how Great Expectations 1.24 is built stands here, and its canaries in
`tests/unit/test_expectations_engine.py`. Three things are not obvious:

* GX closes the connection before it fetches a result, except for dialects it lists in a private tuple. DuckDB is added
  to that tuple; without it every measure fails with "list index out of range".
* All checks are one expectation class over one aggregate metric, since GX folds the aggregate metrics of a table into
  a single SELECT: one scan per table. Its own column expectations cost nine statements per table (some 450 checks of
  39 tables: 8 s against 2 s), give no count without fetching failing values, and some break on DuckDB.
* GX logs failed statements, and a failed conversion quotes the value: its loggers are silenced, and an error is
  reported by its kind only.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb
import great_expectations as gx
import great_expectations.execution_engine.sqlalchemy_execution_engine as sql_engine
import sqlalchemy as sa
from duckdb_engine import ConnectionWrapper
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.core.result_format import ResultFormat
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.validator.v1_validator import Validator
from sqlalchemy.exc import SQLAlchemyError

from expectations.check import Check
from lake.sql.text import quoted

#: Kinds of DuckDB errors whose text names columns, tables and functions, but never a value.
_SPEAKABLE = ("Binder Error", "Catalog Error", "Parser Error")


@dataclass(frozen=True)
class Outcome:
    """What came of one check: the number measured (None where unknown), and an error without values."""

    passed: bool
    measured: float | None
    error: str = ""


class Measure(TableMetricProvider):
    """One number about a table, given as an SQL expression; folded with the table's other measures into one SELECT."""

    metric_name = "lake.measure"
    value_keys = ("measure",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        # `0 * count(*)` makes an aggregate of a scalar subquery, which else gives one row per row, or none if empty.
        number = f"cast(({metric_value_kwargs['measure']}) + 0 * count(*) as double)"
        return sa.literal_column(number), metric_domain_kwargs, {}


class ExpectMeasureToBeBetween(BatchExpectation):
    """Expect a number measured in SQL to lie within inclusive bounds. An empty measure (null) counts as zero."""

    measure: str
    min_value: float | None = None
    max_value: float | None = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("lake.measure",)
    success_keys: ClassVar[tuple[str, ...]] = ("measure", "min_value", "max_value")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        number = float(metrics["lake.measure"] or 0)
        low = self.min_value is None or number >= self.min_value
        high = self.max_value is None or number <= self.max_value
        return {"success": low and high, "result": {"observed_value": number}}


class Checker:
    """One Great Expectations context and data source on a DuckDB connection, for all tables of a run."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
        _keep_connection_open()
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        # GX closes its connection when it is collected, later than we would: it gets one of its own to the same views.
        self._connection = connection.cursor()
        self._connection.execute("set TimeZone = 'UTC'")
        options: dict[str, Any] = {"kwargs": {"creator": lambda: ConnectionWrapper(self._connection)}}
        self._source = context.data_sources.add_sql(
            "lake", connection_string="duckdb:///:memory:", create_temp_table=False, **options
        )

    def validate(self, view: str, checks: Sequence[Check]) -> list[Outcome]:
        """The outcome of every check of one view, in their order.

        Where the common SELECT fails, each check is run alone, so that one wrong expression does not hide the others.
        """
        batch = self._source.add_query_asset(view, query=f"select * from {quoted(view)}").add_batch_definition("all")
        measures = [check for check in checks if check.expectation is None]
        outcomes = dict(zip(measures, self._run(batch, measures), strict=True))
        for check in checks if any(outcome.error for outcome in outcomes.values()) else ():
            outcomes.pop(check, None)
        for check in checks:
            if check not in outcomes:
                outcomes[check] = self._run(batch, [check])[0]
        return [outcomes[check] for check in checks]

    def _run(self, batch: BatchDefinition[Any], checks: Sequence[Check]) -> list[Outcome]:
        if not checks:
            return []
        # BOOLEAN_ONLY keeps a stock expectation from fetching failing values; our own fetches one number.
        stock = any(check.expectation for check in checks)
        validator = Validator(batch, result_format=ResultFormat.BOOLEAN_ONLY if stock else ResultFormat.BASIC)
        try:
            suite = gx.ExpectationSuite(name=batch.data_asset.name, expectations=[_expectation(c) for c in checks])
            outcomes = [_read(result) for result in validator.validate_expectation_suite(suite).results]
        except (GreatExpectationsError, SQLAlchemyError, TypeError, ValueError) as error:
            outcomes = [Outcome(passed=False, measured=None, error=_error_kind(error)) for _ in checks]
        if any(outcome.error for outcome in outcomes):
            with suppress(duckdb.TransactionException):  # a failed statement may leave a transaction aborted
                self._connection.rollback()
        return outcomes


def _expectation(check: Check) -> Any:
    if check.expectation is None:
        return ExpectMeasureToBeBetween(measure=check.measure, min_value=check.minimum, max_value=check.maximum)
    return get_expectation_impl(check.expectation)(**check.arguments)


def _read(result: Any) -> Outcome:
    observed = (result.result or {}).get("observed_value")
    info = result.exception_info
    return Outcome(
        passed=bool(result.success),
        measured=float(observed) if isinstance(observed, int | float) else None,
        error=_error_kind(info) if info and info.get("raised_exception", True) else "",
    )


def _error_kind(error: Any) -> str:
    """What went wrong in evaluating a check, in words that cannot hold a value of a row."""
    text = str(error)
    for kind in _SPEAKABLE:
        if error_name := re.search(rf"{kind}: ([^\n\\]+)", text):
            return f"{kind.lower()}: {error_name.group(1)[:200]}"
    error_name = re.search(r"\(duckdb\.(\w+)\)|(\w+(?:Error|Exception))\b", text)
    return (error_name.group(1) or error_name.group(2)) if error_name else "error"


def _keep_connection_open() -> None:
    dialects: tuple[Any, ...] = sql_engine._PERSISTED_CONNECTION_DIALECTS
    if "duckdb" not in dialects:
        duckdb_dialect = type("Dialect", (str,), {"value": "duckdb"})("duckdb")
        vars(sql_engine)["_PERSISTED_CONNECTION_DIALECTS"] = (*dialects, duckdb_dialect)

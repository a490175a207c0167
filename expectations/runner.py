"""Runs the checks of a layer in one process and one Great Expectations context, and keeps what came of them.

`python -m expectations.runner marts bronze/crm/customers` runs layers and tables by hand. What to do with a failure
(stop, report) is the caller's.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path

import duckdb

from contracts.catalogue.zones import ZONES
from contracts.contract_file import Contract, Entity, load_contracts
from contracts.errors import LakeError
from contracts.wording import many
from expectations import contract_suite, history, suite_files
from expectations.check import Check, CheckResult, blocking_failures, failing_first
from expectations.delivery import measure_delivery
from lake.sql.connections import connect, create_clock_macro
from lake.sql.rows import column_types
from lake.sql.text import quoted
from lake.tables import list_tables, scan, table_exists

__all__ = ["CheckResult", "UnknownTableError", "blocking_failures", "failing_first", "run"]

_TABLE_NAME = re.compile(rf'"((?:{"|".join(ZONES)})/[^"]+)"')


class UnknownTableError(LakeError):
    """A check was asked for of a layer or table that is not there."""

    exit_code = 2


def run(
    layer: str, tables: Iterable[str] | None = None, *, keep: bool = True, suites: Path = suite_files.SUITES_ROOT
) -> list[CheckResult]:
    """Hold the tables of a layer to their suites and append the results to `ops/quality_results`.

    Args:
        layer: a zone: bronze, identity, marts, features, ops.
        tables: only these (`bronze/crm/customers`, or without the zone); by default all of the layer. A table that has
            a suite file of its own and is not there fails its check; so does a table that is named here.
        keep: whether to append the results (one commit, none where nothing was checked).

    Raises:
        UnknownTableError: there is no such layer, or a named table has neither rows nor a suite.
        SuiteFileError: a suite file cannot be used, or one of bronze is named after no entity of a contract.
    """
    if layer not in ZONES:
        raise UnknownTableError(f"unknown layer {layer!r}", cure=f"use one of: {', '.join(ZONES)}")
    existing = set(list_tables(layer))
    entities = {e.table: (c, e) for c in load_contracts() for e in c.entities.values()} if layer == "bronze" else {}
    if layer == "bronze":
        _require_entities(suites, existing | entities.keys())
    wanted = _wanted(layer, tables=tables, there=existing, suites=suites)
    if not wanted:
        return []
    with connect() as connection:
        results = _run(connection, layer=layer, wanted=wanted, there=existing, entities=entities, suites=suites)
    if keep:
        history.append(results)
    return results


def _wanted(layer: str, *, tables: Iterable[str] | None, there: set[str], suites: Path) -> list[str]:
    declared = {name for name in suite_files.discover_suites(suites) if name.startswith(f"{layer}/")}
    if tables is None:
        # A source that never delivered an entity has no bronze table; landing reports that, not a check of the table.
        return sorted(there if layer == "bronze" else there | declared)
    named = {name if name.startswith(f"{layer}/") else f"{layer}/{name}" for name in tables}
    if unknown := sorted(named - there - declared):
        raise UnknownTableError(f"no table {', '.join(unknown)}", cure="see `lake status` for the tables there are")
    return sorted(named)


def _require_entities(suites: Path, landed: Set[str]) -> None:
    """Reject a suite of bronze that no contract has an entity for: its checks would never run."""
    for name in suite_files.discover_suites(suites):
        if name.startswith("bronze/") and name not in landed:
            raise suite_files.SuiteFileError(
                f"{suites / name}.yaml: no contract has the entity of {name}",
                cure="rename it to bronze/SOURCE/ENTITY.yaml, named as the contract names them, or delete it",
            )


def _run(
    connection: duckdb.DuckDBPyConnection,
    *,
    layer: str,
    wanted: list[str],
    there: set[str],
    entities: Mapping[str, tuple[Contract, Entity]],
    suites: Path,
) -> list[CheckResult]:
    from expectations.great_expectations_duckdb import Checker

    create_clock_macro(connection)
    views = _Views(connection)
    sources = {entities[table][0].source for table in wanted if table in entities}
    by_source: dict[str, list[str]] = {source: [] for source in sorted(sources)}
    for table, (contract, _) in entities.items():
        if contract.source in sources and table in there:
            views.make(table)
            by_source[contract.source].append(table)
    if sources:
        measure_delivery(connection, by_source)
    checker = Checker(connection)
    results: list[CheckResult] = []
    for table in wanted:
        if table not in there:
            results.append(_absent(layer, table))
            continue
        columns = views.make(table)
        checks = _derived(*entities[table], columns) if table in entities else []
        checks += suite_files.suite(table, columns, suites)
        for name in sorted({name for check in checks for name in _TABLE_NAME.findall(check.measure)}):
            views.make(name)
        outcomes = checker.validate(table, checks) if checks else []
        results += [
            _result(layer, table=table, check=check, passed=o.passed, measured=o.measured, error=o.error)
            for check, o in zip(checks, outcomes, strict=True)
        ]
    return results


def _derived(contract: Contract, entity: Entity, columns: Mapping[str, str]) -> list[Check]:
    return contract_suite.suite(contract, entity, columns, has_quarantine=table_exists(entity.quarantine_table))


class _Views:
    """A view on `delta_scan` for each table that a check names, under the table's own name."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._columns: dict[str, dict[str, str]] = {}
        self._there = set(list_tables())

    def make(self, table: str) -> dict[str, str]:
        """Make the view once; returns its columns and DuckDB types. A table that is not there gets no view."""
        if table not in self._columns and table in self._there:
            self._connection.execute(f"create or replace view {quoted(table)} as select * from {scan(table)}")
            self._columns[table] = column_types(self._connection, quoted(table))
        return self._columns.get(table, {})


def _absent(layer: str, table: str) -> CheckResult:
    table_exists_check = Check(name="is_there", expected="the table, since a suite file is named after it",
                  cure=f"run the step that writes {table}, or move its suite file to the table's new name")  # fmt: skip
    return _result(
        layer, table=table, check=table_exists_check, passed=False, measured=None, error="the table is not there"
    )


def _result(layer: str, *, table: str, check: Check, passed: bool, measured: float | None, error: str) -> CheckResult:
    if error:
        observed = error if error == "the table is not there" else f"could not be checked ({error})"
    elif measured is None:
        observed = "as expected" if passed else "not as expected"
    else:
        observed = _amount(measured, check.unit)
    subject = f"{table}.{check.column}" if check.column else table
    return CheckResult(
        layer=layer,
        table=table,
        column=check.column,
        name=check.name,
        severity=check.severity,
        passed=passed,
        observed=observed,
        expected=check.expected,
        message=f"{subject} {check.name}: {observed}; expected {check.expected}",
        cure=check.cure,
        unit=check.unit,
        scope=check.scope,
        measured=measured,
    )


def _amount(number: float, unit: str) -> str:
    """A number in words: `1 row apart`, `1,234 rows`, `26.5 hours`."""
    noun, _, rest = unit.partition(" ")
    if number == 1 and noun.endswith("s"):
        unit = f"{noun[:-1]} {rest}".rstrip()
    places = 0 if number == int(number) else 1 if number >= 10 else 2
    return f"{number:,.{places}f} {unit}"


def main(arguments: Sequence[str]) -> int:
    """Check the named layers and tables (`marts`, `bronze/crm/customers`; by default bronze) and print failures.

    Returns the exit code: 0 nothing that blocks failed, 1 something did, 2 wrong usage.
    """
    results: list[CheckResult] = []
    try:
        for name in arguments or ["bronze"]:
            layer, _, table = name.partition("/")
            results += run(layer, [name] if table else None, keep=False)
    except LakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for result in failing_first(results):
        if not result.passed:
            print(f"{result.severity:5}  {result.message}\n       cure: {result.cure}")
    print(f"{sum(r.passed for r in results)} of {many(len(results), 'check')} passed")
    return 1 if blocking_failures(results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

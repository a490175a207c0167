"""Compare two lakes row by row: `python -m infra.compare_lakes BEFORE AFTER [--renamed TABLE.OLD=NEW …]`.

For changes that must not change any table: build a lake with the commit before and one with the commit after, from the
same seed and day, and compare them. Both arguments are values of `LAKE_HOME`. Rows are compared as multisets. Person
ids are random, so each stands for the smallest person record that ever belonged to it. Decimal fractions are compared
to ten digits and lists without their order: both depend on which thread came first. Columns that hold the moment or the
id of a run, or the file that the first of several copies of a row came from, differ by nature and are left out
(`VOLATILE`); so are the tables that only log runs (`LOGS`).

Exit codes: 0 all equal, 1 something differs, 2 wrong usage.
"""

import argparse
import sys
from pathlib import Path

import duckdb

from contracts.catalogue.tables import PERSON_EVENTS, PERSON_LINKS
from contracts.wording import many
from lake.sql.connections import connect

#: Columns whose values name a run, a batch or the machine's time.
VOLATILE = frozenset({"batch_id", "created_timestamp", "source_file"})
#: Tables of which a row describes a run, not the lake's content.
LOGS = ("ops/",)
#: Columns that hold a person id.
PERSON_COLUMNS = ("person_id", "other_person_id")
#: Columns derived from a person id, which differ between two lakes as the ids do.
DERIVED = {PERSON_EVENTS: frozenset({"event_id"})}


def tables_of(home: Path) -> set[str]:
    """Names of all Delta tables of a lake on a disk, without those that log runs."""
    root = home / "delta"
    names = {str(log.parent.relative_to(root)) for log in root.rglob("_delta_log") if log.is_dir()}
    return {name for name in names if not name.startswith(LOGS)}


def compare(before: Path, after: Path, renamed: dict[str, dict[str, str]]) -> list[str]:
    """What differs between two lakes, a line per table; empty where nothing does.

    Args:
        renamed: per table, new column names by old ones.
    """
    differences = []
    with connect() as connection:
        for side, home in (("before", before), ("after", after)):
            _name_persons(connection, side, home)
        old_names, new_names = tables_of(before), tables_of(after)
        differences += [f"{name}: only in {before}" for name in sorted(old_names - new_names)]
        differences += [f"{name}: only in {after}" for name in sorted(new_names - old_names)]
        for name in sorted(old_names & new_names):
            difference = _difference(connection, name=name, before=before, after=after, renamed=renamed.get(name, {}))
            if difference:
                differences.append(f"{name}: {difference}")
    return differences


def _scan(home: Path, name: str) -> str:
    return f"delta_scan('{home / 'delta' / name}')"


def _columns(connection: duckdb.DuckDBPyConnection, scan: str) -> dict[str, str]:
    """DuckDB types of a table's columns, by name."""
    return {row[0]: row[1] for row in connection.execute(f"describe select * from {scan}").fetchall()}


def _comparable(value: str, kind: str) -> str:
    """SQL of a value as text that does not depend on the order in which threads ended."""
    if kind in ("DOUBLE", "FLOAT"):
        return f"printf('%.10g', {value})"
    return f"list_sort({value})::varchar" if kind.endswith("[]") else f"{value}::varchar"


def _name_persons(connection: duckdb.DuckDBPyConnection, side: str, home: Path) -> None:
    """Table `persons_<side>`: every person id and the smallest person record that it ever had."""
    scan = _scan(home, PERSON_LINKS)
    record = next(column for column in _columns(connection, scan) if column.endswith("record_id"))
    connection.execute(
        f"create temp table persons_{side} as select person_id as id, min({record}) as record from {scan} group by 1"
    )


def _rows(connection: duckdb.DuckDBPyConnection, *, side: str, scan: str, columns: dict[str, str]) -> str:
    """SQL of a table's comparable rows; `columns` gives the name to show for each column to read."""
    types = _columns(connection, scan)
    selected = []
    for column, shown in columns.items():
        value = f't."{column}"'
        if column in PERSON_COLUMNS:
            value = f"coalesce((select record from persons_{side} where id = {value}), {value})"
        selected.append(f'{_comparable(value, types[column])} as "{shown}"')
    return f"select {', '.join(selected)} from {scan} t"


def _difference(
    connection: duckdb.DuckDBPyConnection, *, name: str, before: Path, after: Path, renamed: dict[str, str]
) -> str:
    ignored = VOLATILE | DERIVED.get(name, frozenset())
    scans = {"before": _scan(before, name), "after": _scan(after, name)}
    old = {c: renamed.get(c, c) for c in _columns(connection, scans["before"]) if c not in ignored}
    new = {c: c for c in _columns(connection, scans["after"]) if c not in ignored}
    if set(old.values()) != set(new):
        return f"columns differ: {', '.join(sorted(set(old.values()) ^ set(new)))}"
    old = dict(sorted(old.items(), key=lambda item: item[1]))
    new = dict(sorted(new.items()))
    one = _rows(connection, side="before", scan=scans["before"], columns=old)
    other = _rows(connection, side="after", scan=scans["after"], columns=new)
    connection.execute(f"create or replace temp table rows_before as {one}")
    connection.execute(f"create or replace temp table rows_after as {other}")
    missing, added = (
        connection.execute(f"select count(*) from (from {a} except all from {b})").fetchall()[0][0]
        for a, b in (("rows_before", "rows_after"), ("rows_after", "rows_before"))
    )
    if not missing and not added:
        return ""
    total = connection.execute("select count(*) from rows_before").fetchall()[0][0]
    return (
        f"of {total} rows {missing} are gone or changed, {added} are new or changed; columns {_guilty(connection, old)}"
    )


def _guilty(connection: duckdb.DuckDBPyConnection, columns: dict[str, str]) -> str:
    """Columns whose values alone, as multisets, already differ."""
    differing = []
    for shown in columns.values():
        query = f'select count(*) from (select "{shown}" from rows_before except all select "{shown}" from rows_after)'
        if connection.execute(query).fetchall()[0][0]:
            differing.append(shown)
    return ", ".join(differing) or "(only in combination)"


def main() -> int:
    """Compare two lakes and print what differs."""
    parser = argparse.ArgumentParser(prog="python -m infra.compare_lakes", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--renamed", nargs="*", default=[], metavar="TABLE.OLD=NEW")
    arguments = parser.parse_args()
    renamed: dict[str, dict[str, str]] = {}
    for item in arguments.renamed:
        path, _, new = item.partition("=")
        table, _, old = path.rpartition(".")
        renamed.setdefault(table, {})[old] = new
    differences = compare(arguments.before, arguments.after, renamed)
    for line in differences:
        print(line)
    common = tables_of(arguments.before) & tables_of(arguments.after)
    print(f"{many(len(common), 'table')} compared, {len(differences)} differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

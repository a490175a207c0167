"""How a model's rows become a Delta table: each mode of the plugin, on a table of its own. No dbt call."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from contracts.settings import reset_settings
from dbt_project.delta_plugin import ModelRowsError, Write, _Target, _write
from lake.sql.connections import connect
from lake.sql.rows import column_types
from lake.tables import open_table, scan, table_version
from tests.declared_tables import own_table

TABLE = "marts/sample"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    reset_settings()
    with connect() as connection:
        yield connection
    reset_settings()


def write(lake: duckdb.DuckDBPyConnection, mode: str, query: str, **options: Any) -> Write:
    lake.execute(f"create or replace view given as {query}")
    # Whole numbers are bigint in every table.
    columns = (
        f'cast("{name}" as bigint) as "{name}"' if data_type == "INTEGER" else f'"{name}"'
        for name, data_type in column_types(lake, "given").items()
    )
    lake.execute(f"create or replace view query as select {', '.join(columns)} from given")
    target = {"unique_key": (), "partition_by": (), "not_null": (), "personal": ()} | options
    with own_table(TABLE, lake.sql("select * from query limit 0").to_arrow_table().schema):
        return _write(lake, _Target(table=TABLE, query="query", **target), mode)


def rows(lake: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return lake.sql(f"select * from {scan(TABLE)} order by all").fetchall()


def test_first_write_makes_the_table_in_any_mode(lake: duckdb.DuckDBPyConnection) -> None:
    done = write(lake, "merge", "select 1 as id, 'a' as text", unique_key=("id",))
    assert done == Write(TABLE, mode="create", rows=1, version=0)
    assert rows(lake) == [(1, "a")]


def test_a_first_write_of_no_rows_still_makes_the_table(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select 1 as id where false")
    assert rows(lake) == []


def test_merge_writes_only_what_differs(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select * from (values (1, 'a'), (2, 'b'), (3, null)) as t (id, text)")
    done = write(
        lake,
        "merge",
        "select * from (values (1, 'a'), (2, 'changed'), (3, null), (4, 'new')) as t (id, text)",
        unique_key=("id",),
    )
    assert (done.rows, done.version) == (2, 1)
    assert rows(lake) == [(1, "a"), (2, "changed"), (3, None), (4, "new")]


def test_merge_of_what_is_there_writes_no_version(lake: duckdb.DuckDBPyConnection) -> None:
    query = "select 1 as id, cast(null as double) as amount, [{'kind': 'email', 'value': 'x'}] as identifiers"
    write(lake, "mirror", query)
    done = write(lake, "merge", query, unique_key=("id",))
    assert (done.rows, done.version) == (0, 0)


def test_merge_of_new_keys_rewrites_no_file(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select 1 as id")
    table = open_table(TABLE)
    assert table is not None
    before = set(table.file_uris())
    write(lake, "merge", "select 2 as id", unique_key=("id",))
    table.update_incremental()
    assert before < set(table.file_uris())


def test_merge_adds_a_new_column(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select * from (values (1), (2)) as t (id)")
    write(lake, "merge", "select 2 as id, 'new' as text", unique_key=("id",))
    assert rows(lake) == [(1, None), (2, "new")]


def test_merge_rejects_a_key_that_stands_twice(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select 1 as id")
    with pytest.raises(ModelRowsError, match="repeat a key"):
        write(lake, "merge", "select * from (values (2), (2)) as t (id)", unique_key=("id",))
    assert rows(lake) == [(1,)]


def test_mirror_of_the_same_content_in_another_order_writes_no_version(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select * from (values (1), (1), (2)) as t (id)")
    assert write(lake, "mirror", "select * from (values (2), (1), (1)) as t (id)").version == 0
    assert write(lake, "mirror", "select * from (values (2), (2), (1)) as t (id)").version == 1
    assert rows(lake) == [(1,), (2,), (2,)]


def test_mirror_takes_a_changed_schema(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select 1 as id, 'a' as text")
    write(lake, "mirror", "select 1 as id")
    assert rows(lake) == [(1,)]


def test_append_of_no_rows_writes_no_version(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "append", "select 1 as id")
    assert write(lake, "append", "select 2 as id where false").version == 0
    assert write(lake, "append", "select 2 as id").version == 1
    assert rows(lake) == [(1,), (2,)]


@pytest.mark.parametrize("kind", ["date", "timestamptz", "varchar"])
def test_partitions_are_replaced_and_the_others_kept(lake: duckdb.DuckDBPyConnection, kind: str) -> None:
    days = f"cast('2026-01-0' || d as {kind})"
    write(lake, "mirror", f"select {days} as day, d as value from range(1, 4) as t (d)", partition_by=("day",))
    done = write(
        lake,
        "insert_overwrite",
        f"select {days} as day, d * 10 as value from range(2, 3) as t (d)",
        partition_by=("day",),
    )
    assert (done.rows, done.version) == (1, 1)
    assert [value for _, value in rows(lake)] == [1, 20, 3]
    again = write(
        lake,
        "insert_overwrite",
        f"select {days} as day, d * 10 as value from range(2, 3) as t (d)",
        partition_by=("day",),
    )
    assert (again.rows, again.version) == (0, 1)


def test_a_null_that_the_contract_forbids_stops_the_write(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "mirror", "select 1 as id")
    with pytest.raises(Exception, match="id is null"):
        write(lake, "mirror", "select cast(null as integer) as id", not_null=("id",))
    assert table_version(TABLE) == 0


def test_rebuild_replaces_rows_and_schema(lake: duckdb.DuckDBPyConnection) -> None:
    write(lake, "merge", "select 1 as id", unique_key=("id",))
    write(lake, "rebuild", "select 'x' as name", unique_key=("name",))
    assert rows(lake) == [("x",)]


def test_personal_values_stay_out_of_the_log(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    people = "select {0} as id, '{1}@example.cn' as email, [{{'kind': 'email', 'value': '{1}@example.cn'}}] as ids"
    options = {"unique_key": ("id",), "personal": ("email", "ids")}
    write(lake, "merge", people.format(1, "first"), **options)
    write(lake, "merge", people.format(2, "second"), **options)
    write(lake, "merge", people.format(2, "third"), **options)
    write(lake, "mirror", people.format(4, "fourth"), **options)
    write(lake, "rebuild", people.format(5, "fifth"), **options)
    log = "".join(path.read_text() for path in (tmp_path / "delta" / TABLE / "_delta_log").glob("*.json"))
    assert table_version(TABLE) == 4
    assert '\\"id\\":2' in log, "what is not personal has statistics"
    assert "example.cn" not in log

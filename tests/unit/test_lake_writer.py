"""The only writer: a batch is written once, its metadata rides with it, writers take turns."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pytest

from contracts.catalogue.lookup import UndeclaredColumnsError, UndeclaredTableError
from contracts.contract_file import load_contract
from contracts.settings import reset_settings
from lake import landing_state, writer
from lake.data_files import copy_into, table_folder
from lake.locks import table_lock
from lake.sql.connections import connect
from lake.tables import list_tables, open_table, scan, table_exists, table_uri, table_version
from lake.writer import Commit, append, commit_files, delete, merge, overwrite
from tests.declared_tables import leave_table, own_table

TABLE = "ops/things"
NUMBERS = pa.schema([("n", pa.int64())])
Declare = Callable[[pa.Schema], None]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    reset_settings()
    return tmp_path


@pytest.fixture(autouse=True)
def declare() -> Iterator[Declare]:
    """Declares the columns of `TABLE` anew; at first it has one."""
    with ExitStack() as stack:

        def declare(schema: pa.Schema) -> None:
            stack.enter_context(own_table(TABLE, schema))

        declare(NUMBERS)
        yield declare


def numbers(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64())})


def rows(name: str = TABLE) -> list[int]:
    with connect() as connection:
        return [n for (n,) in connection.execute(f"select n from {scan(name)} order by n").fetchall()]


def test_batch_is_appended_once_and_zero_is_a_batch() -> None:
    assert append(TABLE, numbers(1), commit=Commit("app", 0))
    assert not append(TABLE, numbers(1), commit=Commit("app", 0))
    assert append(TABLE, numbers(2), commit=Commit("app", 1))
    assert not append(TABLE, numbers(9), commit=Commit("app", 0))
    assert append(TABLE, numbers(3), commit=Commit("another", 0))
    assert rows() == [1, 2, 3]


def test_files_are_committed_once_with_their_rows_and_statistics(declare: Declare) -> None:
    schema = pa.schema([("n", pa.int64()), ("event_at", pa.timestamp("us", "UTC"))])
    declare(schema)
    with connect() as connection:
        query = (
            "select range as n, timestamptz '2026-01-01 00:00:00.000999' + to_hours(range) as event_at from range(100)"
        )
        files = copy_into(connection, query, table_folder(TABLE), bounded=["event_at"])
        assert not table_exists(TABLE)
        assert commit_files(TABLE, files, schema, commit=Commit("app", 0))
        assert not commit_files(TABLE, files, schema, commit=Commit("app", 0))
        late = f"select n from {scan(TABLE)} where event_at >= timestamptz '2026-01-05 03:00:00.000999'"
        assert connection.execute(late).fetchall() == [(99,)]
    assert rows() == list(range(100))
    table = open_table(TABLE)
    assert table is not None
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert sum(action["num_records"] for action in actions) == 100
    assert min(action["min.event_at"] for action in actions).microsecond == 0
    assert max(action["max.event_at"] for action in actions).microsecond == 1000


def test_file_that_is_gone_or_cut_is_never_committed() -> None:
    schema = pa.schema([("n", pa.int64())])
    with connect() as connection:
        for spoil in (Path.unlink, lambda path: path.write_bytes(b"cut")):
            files = copy_into(connection, "select 1::bigint as n", table_folder(TABLE))
            spoil(files[0].path)
            with pytest.raises(OSError, match=files[0].path.name):
                commit_files(TABLE, files, schema)
    assert not table_exists(TABLE)


def test_query_without_rows_leaves_no_file() -> None:
    with connect() as connection:
        assert copy_into(connection, "select 1 as n where false", table_folder(TABLE)) == []
    assert list(table_folder(TABLE).iterdir()) == []


def test_commit_without_files_carries_its_metadata() -> None:
    schema = pa.schema([("n", pa.int64())])
    commit_files(TABLE, [], schema, commit=Commit("app", 0, landing_state.as_metadata({"cursor": "a"})))
    commit_files(TABLE, [], schema, commit=Commit("app", 1, landing_state.as_metadata({"cursor": "b"})))
    assert table_version(TABLE) == 1
    assert landing_state.read_state(TABLE) == {"cursor": "b"}


def test_new_column_is_added_and_old_rows_have_null(declare: Declare) -> None:
    append(TABLE, numbers(1))
    wider = pa.schema([("n", pa.int64()), ("more", pa.string())])
    declare(wider)
    with connect() as connection:
        files = copy_into(connection, "select 2::bigint as n, 'x' as more", table_folder(TABLE))
        commit_files(TABLE, files, wider)
        found = connection.execute(f"select n, more from {scan(TABLE)} order by n").fetchall()
    assert found == [(1, None), (2, "x")]


def test_files_that_are_the_whole_table_replace_its_rows_and_columns(declare: Declare) -> None:
    leave_table(TABLE, pa.table({"n": pa.array([], pa.int64()), "old": pa.array([], pa.string())}))
    append(TABLE, numbers(1, 2))
    with connect() as connection:
        for query, schema in (
            ("select 3::bigint as n, 'x' as more", pa.schema([("n", pa.int64()), ("more", pa.string())])),
            ("select 4::bigint as n", pa.schema([("n", pa.int64())])),
        ):
            declare(schema)
            files = copy_into(connection, query, table_folder(TABLE))
            commit_files(TABLE, files, schema, is_whole=True)
            found = connection.sql(f"select * from {scan(TABLE)}")
            assert found.columns == schema.names
            assert found.fetchall() == connection.sql(query).fetchall()
        commit_files(TABLE, [], schema, is_whole=True)
    assert rows() == []


def test_state_is_found_behind_commits_that_carry_none() -> None:
    append(TABLE, numbers(1), commit=Commit(metadata=landing_state.as_metadata({"cursor": "a"})))
    for _ in range(30):
        append(TABLE, numbers(2))
    assert landing_state.read_state(TABLE) == {"cursor": "a"}
    assert landing_state.read_state("ops/nothing") == {}


def test_state_of_a_restored_table_is_that_of_its_version() -> None:
    append(TABLE, numbers(1), commit=Commit(metadata=landing_state.as_metadata({"cursor": "a"})))
    append(TABLE, numbers(2), commit=Commit(metadata=landing_state.as_metadata({"cursor": "b"})))
    table = open_table(TABLE)
    assert table is not None
    table.restore(0)
    assert landing_state.read_state(TABLE) == {"cursor": "a"}


def test_merge_inserts_updates_and_deletes_what_is_missing(declare: Declare) -> None:
    first = pa.table({"n": pa.array([1, 2], pa.int64()), "v": ["a", "b"]})
    declare(first.schema)
    assert merge(TABLE, first, ["n"])["num_target_rows_inserted"] == 2
    second = pa.table({"n": pa.array([2, 3], pa.int64()), "v": ["c", "d"]})
    counts = merge(TABLE, second, ["n"], delete_missing=True)
    assert (counts["num_target_rows_inserted"], counts["num_target_rows_deleted"]) == (1, 1)
    with connect() as connection:
        assert connection.execute(f"select n, v from {scan(TABLE)} order by n").fetchall() == [(2, "c"), (3, "d")]


def test_overwrite_replaces_all_or_what_a_predicate_names_and_delete_removes_it() -> None:
    overwrite(TABLE, numbers(1, 2, 3))
    overwrite(TABLE, numbers(2, 2), predicate="n = 2")
    assert rows() == [1, 2, 2, 3]
    assert delete(TABLE, "n = 2") == 2
    assert rows() == [1, 3]
    assert delete("ops/nothing", "true") == 0


def test_tables_are_found_on_disk_and_unknown_zones_are_a_mistake() -> None:
    append(TABLE, numbers(1))
    leave_table("bronze/crm/customers", numbers(1))
    assert list_tables() == ["bronze/crm/customers", TABLE]
    assert list_tables("ops") == [TABLE]
    assert list_tables("marts") == []
    with pytest.raises(ValueError, match="zone"):
        table_uri("silver/customers")


def test_lock_makes_others_wait_and_is_reentrant() -> None:
    order: list[str] = []

    def other() -> None:
        with table_lock(TABLE):
            order.append("other")

    with table_lock(TABLE):
        thread = threading.Thread(target=other)
        thread.start()
        with table_lock(TABLE):
            order.append("inner")
        thread.join(0.2)
        order.append("outer")
    thread.join(10)
    assert order == ["inner", "outer", "other"]


def test_appenders_at_once_lose_nothing() -> None:
    threads = [threading.Thread(target=append, args=(TABLE, numbers(n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert rows() == list(range(8))


@pytest.mark.parametrize("write", [append, overwrite, lambda name, rows: merge(name, rows, ["n"])])
def test_rows_with_other_columns_than_declared_are_rejected_and_nothing_is_written(
    write: Callable[[str, pa.Table], object],
) -> None:
    for rows, wrong in (
        (pa.table({"n": pa.array([1], pa.int64()), "more": ["x"]}), "more is not declared"),
        (pa.table({"m": pa.array([1], pa.int64())}), "n is missing; m is not declared"),
        (pa.table({"n": pa.array([1], pa.int32())}), "n is int32 and declared as bigint"),
    ):
        with pytest.raises(UndeclaredColumnsError, match=f"{TABLE} cannot be written: {wrong}") as raised:
            write(TABLE, rows)
        assert "change the declaration" in raised.value.cure
    with pytest.raises(UndeclaredTableError, match="ops/unknown is declared nowhere"):
        write("ops/unknown", numbers(1))
    assert list_tables() == []


def test_files_with_other_columns_than_declared_are_rejected(declare: Declare) -> None:
    wider = pa.schema([("n", pa.int64()), ("more", pa.string())])
    with connect() as connection:
        files = copy_into(connection, "select 1::bigint as n, 'x' as more", table_folder(TABLE))
    with pytest.raises(UndeclaredColumnsError, match="more is not declared"):
        commit_files(TABLE, files, wider)
    declare(wider)
    commit_files(TABLE, files, wider)
    with pytest.raises(UndeclaredColumnsError, match="more is missing"):
        commit_files(TABLE, files, NUMBERS)


def test_bronze_takes_a_new_column_as_text_and_no_other() -> None:
    entity = load_contract("crm").entities["households"]
    rows = entity.bronze_schema().empty_table()
    with pytest.raises(UndeclaredColumnsError, match="count is not declared and not text"):
        append(entity.table, rows.append_column("count", pa.array([], pa.int64())))
    append(entity.table, rows.append_column("remark", pa.array([], pa.string())))
    assert table_exists(entity.table)


def test_writer_exports_what_others_use() -> None:
    assert set(writer.__all__) >= {"Commit", "append", "merge", "overwrite", "table_lock"}

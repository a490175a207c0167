"""Maintenance makes tables small and fast, keeps rows and cursors, and leaves alone what needs nothing."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from contracts.settings import reset_settings
from lake import landing_state
from lake.maintenance import Policy, maintain, maintain_table
from lake.sql.connections import connect
from lake.tables import open_table, scan, table_uri, table_version
from lake.temporary_folders import temporary_folder
from lake.writer import Commit, append
from tests.declared_tables import declared_rows, own_table

TABLE = "bronze/shop/sales"
SCHEMA = pa.schema([("n", pa.int64()), ("email", pa.string())])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    reset_settings()
    return tmp_path


def fill(commits: int, *, personal: str = "someone@example.com") -> None:
    for number in range(commits):
        commit = Commit("app", number, landing_state.as_metadata({"cursor": number}))
        row = pa.table({"n": [number], "email": [personal]}, schema=SCHEMA)
        with own_table(TABLE, SCHEMA):
            append(TABLE, row, commit=commit, configuration={"delta.dataSkippingStatsColumns": "n"})


def files() -> int:
    table = open_table(TABLE)
    assert table is not None
    return len(table.file_uris())


def test_small_files_are_compacted_and_rows_and_cursor_stay() -> None:
    fill(20)
    done = maintain_table(TABLE)
    assert done.files_compacted == 20
    assert files() == 1
    assert landing_state.read_state(TABLE) == {"cursor": 19}
    with connect() as connection:
        assert connection.execute(f"select count(*), sum(n) from {scan(TABLE)}").fetchall() == [(20, 190)]
    table = open_table(TABLE)
    assert table is not None
    assert table.transaction_version("app") == 19


def test_table_with_nothing_to_do_gets_no_new_version() -> None:
    fill(3)
    version = table_version(TABLE)
    assert not maintain_table(TABLE).is_changed
    assert table_version(TABLE) == version
    assert maintain_table("ops/nothing").table == "ops/nothing"


def test_cursor_outlives_the_cleaning_of_old_logs() -> None:
    fill(5)
    table = open_table(TABLE)
    assert table is not None
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 days"})
    for _ in range(3):
        maintain_table(TABLE)
    assert landing_state.read_state(TABLE) == {"cursor": 4}
    left = sorted(Path(table_uri(TABLE), "_delta_log").glob("*.json"))
    assert len(left) < 6


def test_files_that_no_version_needs_any_more_are_removed() -> None:
    fill(20)
    maintain_table(TABLE)
    folder = Path(table_uri(TABLE))
    orphan = folder / "part-left-by-a-crash.parquet"
    orphan.write_bytes(b"cut")
    swept = folder / "part-1.parquet#1"
    swept.write_bytes(b"cut")
    done = maintain_table(TABLE, policy=Policy(retention=timedelta(0), is_enforced=False))
    assert done.files_vacuumed == 21
    assert done.orphans_swept == 1
    assert len(list(folder.glob("*.parquet*"))) == 1
    assert landing_state.read_state(TABLE) == {"cursor": 19}


def test_file_that_no_commit_ever_named_goes_at_once_and_one_of_an_older_version_stays() -> None:
    fill(20)
    maintain_table(TABLE)
    folder = Path(table_uri(TABLE))
    (folder / "part-left-by-a-crash.parquet").write_bytes(b"cut")
    done = maintain_table(TABLE)
    assert (done.files_vacuumed, done.orphans_swept) == (0, 1)
    before = DeltaTable(table_uri(TABLE), version=19)
    assert before.to_pyarrow_table().num_rows == 20
    assert len(list(folder.glob("*.parquet"))) == 21


def test_compaction_brings_no_personal_value_into_the_log() -> None:
    fill(20)
    maintain_table(TABLE)
    log = Path(table_uri(TABLE), "_delta_log")
    assert not [path for path in log.iterdir() if b"someone@example.com" in path.read_bytes()]


def test_all_tables_of_a_zone_are_maintained() -> None:
    fill(1)
    append("ops/runs", declared_rows("ops/runs", [{"run_id": "1"}]))
    assert [done.table for done in maintain("ops")] == ["ops/runs"]
    assert [done.table for done in maintain()] == [TABLE, "ops/runs"]


def test_what_a_killed_process_left_for_a_while_is_swept_and_what_lives_stays(home: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = home / "tmp" / "aside" / f"{child.pid}-x"
    dead.mkdir(parents=True)
    (dead / "records.csv").write_text("someone@example.com")
    with temporary_folder("spool") as alive:
        maintain()
        assert Path(alive).is_dir()
    assert not dead.exists()

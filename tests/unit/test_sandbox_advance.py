"""Time passes in the sandbox: the same way every time, day by day or at once, killed and run again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from contracts.errors import LakeError
from infra.sandbox.world import CRASH_POINTS, advance
from tests.unit import sandbox_worlds

ONE_DAY = "from pathlib import Path; import sys; from infra.sandbox.world import advance; advance(Path(sys.argv[1]), 1)"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_worlds.make(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def next_day(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day later."""
    root = copy_of(made, tmp_path_factory.mktemp("next"))
    advance(root)
    return root


@pytest.fixture(scope="module")
def advanced(next_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, one at a time."""
    root = copy_of(next_day, tmp_path_factory.mktemp("advanced"))
    advance(root)
    return root


def copy_of(root: Path, folder: Path) -> Path:
    return Path(shutil.copytree(root, folder / "sandbox"))


def without_produced(found: dict[str, str]) -> dict[str, str]:
    """Databases show only the last version of two days, so what they produced differs; everything else may not."""
    return {
        name: value for name, value in found.items() if name not in ("truth/produced.parquet", "truth/records.parquet")
    }


def test_clock_moves_on_by_the_days_that_passed(made: Path, advanced: Path) -> None:
    before, after = (json.loads((root / "clock.json").read_text())["now"] for root in (made, advanced))
    assert (before, after) == ("2026-07-01T00:00:00+00:00", "2026-07-03T00:00:00+00:00")


def test_two_days_at_once_bring_what_one_by_one_does(made: Path, advanced: Path, tmp_path: Path) -> None:
    root = copy_of(made, tmp_path)
    advance(root, days=2)
    assert without_produced(sandbox_worlds.fingerprint(root)) == without_produced(sandbox_worlds.fingerprint(advanced))


def test_days_that_passed_are_not_touched(made: Path, advanced: Path) -> None:
    before, after = sandbox_worlds.fingerprint(made), sandbox_worlds.fingerprint(advanced)
    drops = {
        name for name in before if name.endswith((".gz", ".csv")) or (name.endswith(".parquet") and "truth" not in name)
    }
    assert drops
    assert all(after[name] == before[name] for name in drops)
    assert set(after) > set(before)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_anywhere_and_run_again_it_comes_to_the_same_state(
    made: Path, next_day: Path, tmp_path: Path, point: str
) -> None:
    root = copy_of(made, tmp_path)
    environment = {**os.environ, "LAKE_CRASH_AT": point, "LAKE_HOME": str(tmp_path / "home")}
    killed = subprocess.run([sys.executable, "-c", ONE_DAY, str(root)], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    if point != CRASH_POINTS[-1]:
        assert json.loads((root / "clock.json").read_text())["now"].startswith("2026-07-01")
        advance(root)
    assert sandbox_worlds.fingerprint(root) == sandbox_worlds.fingerprint(next_day)
    assert not list(root.rglob("*.tmp"))


def test_an_advanced_day_brings_late_rows_corrections_and_updates(made: Path, advanced: Path) -> None:
    with duckdb.connect() as connection:
        kinds = connection.execute(
            f"select row_kind from '{advanced}/truth/records.parquet' where day >= date '2026-07-01' group by 1"
        ).fetchall()
    assert {"first", "late", "update"} <= {kind for (kind,) in kinds}


def test_one_entity_gains_a_column_from_the_first_advanced_day_on(made: Path, advanced: Path) -> None:
    change = json.loads((advanced / "truth" / "effects.json").read_text())["troubles"]["schema_change"]
    contract, entity = next(
        pair
        for pair in sandbox_worlds.entities()
        if (pair[0].source, pair[1].name) == (change["source"], change["entity"])
    )
    for path in sandbox_worlds.files(advanced, contract, entity):
        has_column = all(change["column"] in row for row in sandbox_worlds.file_rows(path))
        assert has_column == (path.name[:10] >= change["first_day"])


def test_rows_of_a_database_are_updated_in_place(made: Path, advanced: Path) -> None:
    contract, entity = next(pair for pair in sandbox_worlds.entities() if pair[1].name == "orders")
    before, after = (
        {row["order_id"]: row for row in sandbox_worlds.rows(root, contract, entity)} for root in (made, advanced)
    )
    assert set(before) < set(after)
    changed = [key for key in before if before[key] != after[key]]
    assert changed
    for key in changed:
        assert after[key]["updated_at"] >= "2026-07-01" > before[key]["updated_at"]
        assert after[key]["event_at"] == before[key]["event_at"]


def test_time_passes_only_in_a_sandbox(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no sandbox"):
        advance(tmp_path / "nowhere")
    (tmp_path / "clock.json").write_text('{"now": "2017-01-01T00:00:00+00:00"}')
    with pytest.raises(LakeError, match="real data"):
        advance(tmp_path)


def test_no_days_are_rejected(made: Path) -> None:
    with pytest.raises(LakeError, match="cannot pass"):
        advance(made, days=0)

"""`make demo WORLD=complete-journey` by its two commands: everything runs, everything adds up. For `make prove`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lake import tables
from lake.sql.connections import connect

pytestmark = [pytest.mark.prove, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Callable[..., subprocess.CompletedProcess[str]]]:
    """The lake's home, and its command."""
    home = tmp_path_factory.mktemp("whole") / "lake"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    environment |= {"LAKE_HOME": str(home), "LAKE_TOKEN_KEY_FILE": str(home.parent / "token.key")}

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        lake_command = str(Path(sys.executable).with_name("lake"))
        return subprocess.run([lake_command, *words], env=environment, capture_output=True, text=True, check=False)

    made = command("sandbox", "create", "--world", "complete-journey")
    assert made.returncode == 0, made.stderr
    return home, command


@pytest.fixture(scope="module")
def first_run(lake: Any) -> subprocess.CompletedProcess[str]:
    return lake[1]("run")


def test_whole_run_ends_well(first_run: Any) -> None:
    assert first_run.returncode == 0, first_run.stdout + first_run.stderr


def test_status_adds_up_and_names_no_blocked_check(lake: Any, first_run: Any) -> None:
    status = json.loads(lake[1]("status", "--json").stdout)
    assert status["last_run"]["state"] == "succeeded"
    assert status["checks"]["blocked"] == []
    assert status["persons"] == 2_469
    assert status["unresolved_records"] == 0
    assert all(s["received"] == s["landed"] + s["quarantined"] + s["doubled"] for s in status["sources"])
    landed = {(s["source"], s["entity"]): s["landed"] for s in status["sources"]}
    assert landed["orders", "order_lines"] == 1_469_307


def test_every_household_has_its_file_and_its_features(
    lake: Any, first_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contracts.settings import reset_settings

    monkeypatch.setenv("LAKE_HOME", str(lake[0]))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(lake[0].parent / "token.key"))
    reset_settings()
    with connect() as connection:
        for table in ("marts/person_profile", "features/purchases"):
            found = connection.execute(f"select count(distinct person_id) from {tables.scan(table)}").fetchone()
            assert found == (2_469,), table
        events = connection.execute(
            f"select count(*), count(person_id) from {tables.scan('marts/journey_events')}"
        ).fetchone()
        assert events is not None
        assert events[0] == events[1]
    monkeypatch.undo()
    reset_settings()


def test_second_run_with_nothing_new_writes_nothing_outside_ops(lake: Any, first_run: Any) -> None:
    def versions() -> dict[str, int]:
        status = json.loads(lake[1]("status", "--json").stdout)
        return {t["name"]: t["version"] for t in status["tables"] if not t["name"].startswith("ops/")}

    before = versions()
    again = lake[1]("run")
    assert again.returncode == 0, again.stderr
    assert versions() == before

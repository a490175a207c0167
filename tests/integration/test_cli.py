"""The `lake` command as a person meets it: help, exit codes, errors with a cure, one JSON document."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from contracts.contract_file import discover_sources
from contracts.settings import PROJECT_ROOT
from infra.sandbox.systems import simulated_contracts
from tests.small_lake import SmallLake

_HEAVY = {
    "pyarrow",
    "duckdb",
    "deltalake",
    "pydantic_settings",
    "dagster",
    "dbt",
    "great_expectations",
    "feast",
    "pandas",
}


@pytest.fixture
def empty(tmp_path: Path) -> SmallLake:
    """A lake that nobody has made anything in."""
    return SmallLake(tmp_path / "home", tmp_path / "token.key")


def test_help_imports_nothing_heavy_and_is_quick(tmp_path: Path) -> None:
    code = "import sys; from cli import build_app; build_app(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert _HEAVY & set(loaded.stdout.split()) == set()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "--help"], cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_utime + usage.ru_stime < 0.5  # of processor time: other tests may be at work at the same time


def test_every_module_of_the_folder_and_every_plug_in_is_a_verb() -> None:
    from cli import PLUG_INS, build_app
    from runs.plug_ins import load_plug_ins

    plug_ins = set(load_plug_ins(PLUG_INS))
    assert "sandbox" in plug_ins
    verbs = {path.stem for path in (PROJECT_ROOT / "cli").glob("[!_]*.py")}
    assert _verbs(build_app()) == verbs | plug_ins
    for verb in verbs:
        assert _verbs(build_app(verb)) == {verb}


def _verbs(app: typer.Typer) -> set[str | None]:
    return {group.name for group in app.registered_groups} | {command.name for command in app.registered_commands}


def test_unknown_verb_option_and_source_are_wrong_usage(empty: SmallLake) -> None:
    for arguments in (
        ["fly"],
        ["run", "--sideways"],
        ["run", "--source", "typewriter"],
        ["sandbox", "create", "--days", "0"],
    ):
        done = empty.lake(*arguments)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
    assert f"use one of: {', '.join(discover_sources())}" in empty.lake("run", "--source", "typewriter").stderr


def test_home_that_cannot_be_written_says_so_and_how_to_change_it(empty: SmallLake) -> None:
    done = empty.lake("run", LAKE_HOME="/proc/nowhere")
    assert done.returncode == 2
    assert "cannot write to /proc/nowhere" in done.stderr
    assert "cure: set LAKE_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_unusable_setting_names_the_variable(empty: SmallLake) -> None:
    done = empty.lake("status", LAKE_THREADS="many")
    assert done.returncode == 2
    assert "LAKE_THREADS" in done.stderr
    assert "cure:" in done.stderr


def test_unexpected_error_is_short_and_keeps_its_traceback_without_values(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['lake', 'status']\n"
        "import cli, typer\n"
        "def broken(verb):\n"
        "    app = typer.Typer()\n"
        "    @app.command()\n"
        "    def status(): raise RuntimeError('no row for zhang.wei@example.com or +86 139 1234 5678')\n"
        "    @app.command()\n"
        "    def other(): pass\n"
        "    return app\n"
        "cli.build_app = broken\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, env=os.environ | {"LAKE_HOME": str(tmp_path)}, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    log = (tmp_path / "logs" / "lake.log").read_text()
    assert str(tmp_path / "logs" / "lake.log") in done.stderr
    assert "Traceback" in log
    assert "Traceback" not in done.stderr
    for text in (done.stderr, log):
        assert "RuntimeError" in text
        assert "zhang.wei" not in text
        assert "1234" not in text


def test_status_of_an_empty_lake_shows_what_to_do_first(empty: SmallLake) -> None:
    assert "lake sandbox create" in empty.ok("status").stdout
    document = empty.json("status")
    assert document["tables"] == []
    assert document["last_run"] is None


def test_run_without_sources_fails_with_the_cure(empty: SmallLake) -> None:
    done = empty.lake("run", "--source", "crm")
    assert done.returncode == 1
    assert "lake sandbox create" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_status_as_json_has_the_promised_shape(small_lake: SmallLake) -> None:
    document = small_lake.json("status")
    assert list(document) == ["tables", "sources", "checks", "persons", "unresolved_records", "last_run"]
    tables = {table["name"]: table for table in document["tables"]}
    assert set(tables["bronze/crm/customers"]) == {"name", "rows", "version", "bytes", "freshest_event_at"}
    assert tables["bronze/crm/customers"]["rows"] > 0
    assert tables["bronze/crm/customers"]["version"] == 0
    for source in document["sources"]:
        assert set(source) == {"source", "entity", "received", "landed", "quarantined", "doubled", "state"}
        assert source["received"] == source["landed"] + source["quarantined"] + source["doubled"]
    assert {source["source"] for source in document["sources"]} == set(discover_sources())
    assert set(document["checks"]) == {"passed", "failed", "blocked"}
    assert document["checks"]["blocked"] == []
    assert document["checks"]["passed"] > 300
    assert document["persons"] > 100
    assert set(document["last_run"]) == {"started_at", "seconds", "state"}
    assert document["last_run"]["state"] == "succeeded"


def test_status_for_people_fits_a_pipe(small_lake: SmallLake) -> None:
    printed = small_lake.ok("status").stdout
    assert any(line.split()[:1] == ["marts/person_profile"] for line in printed.splitlines())
    assert "last run    succeeded" in printed


def test_features_are_listed_with_what_they_may_be_used_for(small_lake: SmallLake) -> None:
    features = small_lake.json("features", "list")["features"]
    assert len(features) >= 150
    for feature in features:
        assert set(feature) == {"name", "group", "description", "owner", "purpose", "unit"}
        assert all(feature.values()), feature
    assert len({(f["group"], f["name"]) for f in features}) == len(features)
    assert len({f["group"] for f in features}) >= len(simulated_contracts())


def test_doctor_finds_this_machine_fit_and_a_readable_key_unfit(small_lake: SmallLake, tmp_path: Path) -> None:
    assert small_lake.json("doctor")["is_fit"] is True
    key = tmp_path / "open.key"
    key.write_text("v1:" + "0" * 64)
    key.chmod(0o644)
    unfit = small_lake.lake("doctor", LAKE_TOKEN_KEY_FILE=str(key))
    assert unfit.returncode == 1
    assert f"chmod 600 {key}" in unfit.stdout


def test_maintenance_leaves_the_next_run_idle(lake_copy: SmallLake) -> None:
    from lake.tables import open_table
    from lake.writer import append

    with lake_copy.opened():
        table = open_table("ops/runs")
        assert table is not None
        some = table.to_pyarrow_table().slice(0, 0)
        for _ in range(13):
            append("ops/runs", some)
    assert "tables examined" in lake_copy.ok("maintain").stdout
    assert lake_copy.ok("run").stdout.startswith("nothing new since")


def test_sandbox_that_is_there_is_kept(small_lake: SmallLake) -> None:
    clock = (small_lake.home / "sandbox" / "clock.json").read_bytes()
    assert small_lake.ok("sandbox", "create").stdout.startswith("kept:")
    assert (small_lake.home / "sandbox" / "clock.json").read_bytes() == clock


def test_up_refuses_to_be_reached_from_outside(empty: SmallLake) -> None:
    for host in ("0.0.0.0", "192.168.1.10", "example.com"):
        done = empty.lake("up", "--host", host)
        assert done.returncode == 2, host
        assert "refused to listen" in done.stderr
        assert "ssh -L" in done.stderr


def test_up_names_a_port_that_is_taken_before_it_starts_anything(empty: SmallLake) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", empty.ports["FEAST"]))
        taken.listen()
        done = empty.lake("up")
    assert done.returncode == 2
    assert f"port {empty.ports['FEAST']}" in done.stderr
    assert "set LAKE_PORT_FEAST" in done.stderr
    assert "starting" not in done.stdout

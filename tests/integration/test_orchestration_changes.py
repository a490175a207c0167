"""What happens to a lake over time: a day passes, a run is killed, a source breaks, a promise is broken.

Every test here costs runs of the pipeline (some 30 s each), so each promise is looked at from several sides.
"""

import gzip
import json
import os
import signal

import pyarrow as pa

from contracts.contract_file import discover_sources
from lake import writer
from lake.clock import today
from lake.sql.connections import connect
from lake.tables import open_table, scan
from tests.small_lake import SmallLake, wait_for_line


def test_after_a_day_and_a_killed_run_only_what_changed_is_done_again(lake_copy: SmallLake) -> None:
    from infra.sandbox.truth.reconcile import differences
    from ingestion.landing.land import counters
    from orchestration.instance import open_instance

    before = lake_copy.versions()
    lake_copy.ok("sandbox", "advance", "--days", "1")
    killed = lake_copy.start("run")
    wait_for_line(killed, "land web app")
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()

    resumed = lake_copy.ok("run")

    assert "the last run" not in resumed.stderr
    after = lake_copy.versions()
    with lake_copy.opened():
        assert differences(lake_copy.home / "sandbox", counters()).to_pylist() == []
        with open_instance() as instance:
            assert sorted(run.status.value for run in instance.get_runs()) == ["FAILURE", "SUCCESS", "SUCCESS"]
        with connect() as connection:
            of_today = connection.execute(
                f"select count(*) from {scan('features/purchases')} where event_timestamp = ?::timestamptz", [today()]
            ).fetchone()
        assert of_today is not None
        assert of_today[0] > 0
    bronze = {name for name in after if name.startswith("bronze/")}
    moved = {name for name in bronze if after[name] != before.get(name)}
    assert moved, "the new day brought nothing"
    assert bronze - moved, "every entity got a new version; one that nothing came for must not"
    with lake_copy.opened(), connect() as connection:
        for name in moved:
            twice = f"select count(*) - count(distinct (record_id, content_hash)) from {scan(name)}"
            assert connection.execute(twice).fetchone() == (0,), f"{name}: the killed run's rows were landed again"

    assert lake_copy.ok("run").stdout.startswith("nothing new since")
    assert lake_copy.versions() == after


def test_a_broken_source_fails_alone_and_the_rest_is_brought_up_to_date(lake_copy: SmallLake) -> None:
    from runs.ledger import last_run

    drops = lake_copy.home / "sandbox"
    broken = drops / "web_app" / "page_views" / "2026-06-30-torn.jsonl.gz"
    broken.write_bytes(b"\x1f\x8b\x08\x00torn")
    _drop_a_reading(lake_copy, "READING-OF-THIS-TEST")

    failed = lake_copy.lake("run")

    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "web_app" in failed.stdout
    assert "cure:" in failed.stdout
    with lake_copy.opened():
        run = last_run()
        assert run is not None
        assert (run.state, run.is_complete, [failure.where for failure in run.failures]) == (
            "failed",
            True,
            ["web_app"],
        )
        with connect() as connection:
            found = connection.execute(
                f"select count(*) from {scan('marts/journey_events')} where event_id like 'devices:readings:%'"
                " and event_id = 'devices:readings:READING-OF-THIS-TEST'"
            ).fetchone()
        assert found == (1,), "the good source's row did not get through"
    states = {(s["source"], s["state"]) for s in lake_copy.json("status")["sources"]}
    assert ("web_app", "failed") in states
    assert {source for source, state in states if state == "failed"} == {"web_app"}

    broken.unlink()
    assert lake_copy.lake("run").returncode == 0


def test_a_failed_check_of_bronze_stops_what_depends_on_it_and_no_landing(lake_copy: SmallLake) -> None:
    from runs.ledger import last_run

    before = lake_copy.versions()
    with lake_copy.opened():
        table = open_table("bronze/crm/customers")
        assert table is not None
        row = table.to_pyarrow_table().slice(0, 1)
        nameless = row.set_column(row.schema.get_field_index("crm_id"), "crm_id", pa.array([None], pa.string()))
        writer.append("bronze/crm/customers", nameless)
    _drop_a_reading(lake_copy, "READING-BESIDE-A-BROKEN-PROMISE")

    blocked = lake_copy.lake("run")

    assert blocked.returncode == 1, blocked.stdout + blocked.stderr
    assert "check_bronze" in blocked.stdout
    after = lake_copy.versions()
    assert after["bronze/devices/readings"] == before["bronze/devices/readings"] + 1
    assert {
        n for n in after if n.startswith(("identity/", "marts/", "features/")) and after[n] != before.get(n)
    } == set()
    with lake_copy.opened():
        run = last_run()
        assert run is not None
        assert (run.state, run.is_complete) == ("failed", False)
        assert {f"land_{source}" for source in discover_sources()} < set(run.steps)
        assert "build_records" not in run.steps
    assert lake_copy.json("status")["checks"]["blocked"] == ["bronze/crm/customers"]
    assert "crm" in (lake_copy.home / "reports" / "quality" / "index.html").read_text()


def test_an_edited_suite_is_checked_alone_and_nothing_is_built(lake_copy: SmallLake) -> None:
    from dataclasses import replace

    from runs import ledger
    from runs.fingerprint import as_text, fingerprint

    with lake_copy.opened():
        last = ledger.last_complete_run()
        assert last is not None
        older = fingerprint() | {"suite:marts/person_profile": "of another text"}
        ledger.record(replace(last, run_id="before-the-edit", finished_at=ledger.utc_now(), code=as_text(older)))
        with connect() as connection:
            newest = connection.execute(f"select max(run_id) from {scan('ops/quality_results')}").fetchone()
    assert newest is not None
    before = lake_copy.versions()

    rerun = lake_copy.ok("run")

    assert "edited: suite marts/person_profile" in rerun.stdout.splitlines()[0]
    assert lake_copy.versions() == before
    with lake_copy.opened():
        run = ledger.last_run()
        assert run is not None
        assert run.checks == {"passed": 1, "failed": 0}, "another suite or a dbt test ran as well"
        with connect() as connection:
            checked = f'select distinct "table" from {scan("ops/quality_results")} where run_id > ?'
            assert connection.execute(checked, newest).fetchall() == [("marts/person_profile",)]
    assert lake_copy.ok("run").stdout.startswith("nothing new since")


def _drop_a_reading(lake: SmallLake, reading_id: str) -> None:
    """Another file in the devices' drop folder, with one reading more."""
    folder = lake.home / "sandbox" / "devices" / "readings"
    newest = sorted(folder.glob("*.jsonl.gz"))[-1]
    row = json.loads(gzip.decompress(newest.read_bytes()).splitlines()[-1]) | {"reading_id": reading_id}
    (folder / f"{newest.name.removesuffix('.jsonl.gz')}-more.jsonl.gz").write_bytes(
        gzip.compress(json.dumps(row).encode())
    )

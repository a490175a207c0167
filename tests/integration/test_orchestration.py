"""The whole pipeline by its own commands: what a first run leaves, what an idle one leaves alone, what Dagster says."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from contracts.contract_file import discover_sources, load_contracts
from tests.small_lake import SmallLake

EVENTS, UNRESOLVED = "marts/journey_events", "marts/unresolved_records"


@pytest.fixture(scope="module")
def history(small_lake: SmallLake) -> Iterator["History"]:
    """Dagster's own record of the lake's first run."""
    from orchestration.instance import open_instance

    with small_lake.opened(), open_instance() as instance:
        yield History(instance)


class History:
    """The newest run in Dagster's storage."""

    def __init__(self, instance: object) -> None:
        from dagster import DagsterInstance

        assert isinstance(instance, DagsterInstance)
        self.instance = instance
        self.run = instance.get_runs(limit=1)[0]


def test_first_run_leaves_a_complete_run_in_the_ledger(small_lake: SmallLake) -> None:
    from runs.ledger import last_complete_run, last_run

    with small_lake.opened():
        last = last_run()
        assert last is not None
        assert last.state == "succeeded"
        assert last.is_complete
        assert last_complete_run() == last
        assert last.versions == small_lake.versions()
        assert last.checks["failed"] == 0 or last.checks["passed"] > 50
        assert {f"land_{source}" for source in discover_sources()} < set(last.steps)


def test_rows_reconcile_exactly_with_what_the_systems_produced(small_lake: SmallLake) -> None:
    from infra.sandbox.truth.reconcile import differences
    from ingestion.landing.land import counters

    with small_lake.opened():
        assert differences(small_lake.home / "sandbox", counters()).to_pylist() == []


def test_every_accepted_row_reaches_one_person_or_is_listed_as_unresolved(small_lake: SmallLake) -> None:
    from lake.sql.connections import connect
    from lake.tables import list_tables, scan

    with small_lake.opened(), connect() as connection:
        bronze = " union all ".join(f"select record_id from {scan(name)}" for name in list_tables("bronze"))
        lost = connection.execute(
            f"""select split_part(record_id, ':', 1) || '/' || split_part(record_id, ':', 2) as entity, count(*)
                from (select distinct record_id from ({bronze})) where record_id not in
                     (select event_id from {scan(EVENTS)} where person_id is not null
                      union all select record_id from {scan(UNRESOLVED)})
                group by entity"""
        ).fetchall()
        twice = connection.execute(
            f"select count(*) from (select event_id from {scan(EVENTS)} group by event_id having count(*) > 1)"
        ).fetchall()
    assert lost == []
    assert twice == [(0,)]


def test_the_first_run_ends_with_a_summary_a_person_can_read(small_lake: SmallLake) -> None:
    printed = (small_lake.home / "first-run.txt").read_text()
    for word in ("rows ", "quarantined ", "reconciled ", "persons ", "checks ", "seconds ", "next "):
        assert f"\n{word}" in printed
    assert printed.count(": exact") == 2
    assert "against the truth of" in printed


def test_a_run_with_nothing_new_is_quick_and_touches_no_table(small_lake: SmallLake) -> None:
    before = small_lake.versions()
    started = time.monotonic()
    idle = small_lake.ok("run")
    assert time.monotonic() - started < 30
    assert idle.stdout.startswith("nothing new since")
    assert small_lake.versions() == before


def test_an_idle_run_imports_nothing_heavy(small_lake: SmallLake) -> None:
    code = (
        "import sys; sys.argv = ['lake', 'run']\n"
        "from cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'dagster', 'dbt', 'great_expectations', 'feast'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=small_lake.environment, capture_output=True, text=True,
                          check=True, timeout=120)  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


def test_dagster_shows_every_entity_with_rows_bytes_and_a_picture(small_lake: SmallLake, history: History) -> None:
    from dagster import AssetKey

    for contract in load_contracts():
        delivered = [e for e in contract.entities.values() if small_lake.rows(e.table)]
        assert delivered, contract.source
        for entity in delivered:
            event = history.instance.get_latest_materialization_event(AssetKey(entity.table.split("/")))
            assert event is not None, entity.table
            assert event.asset_materialization is not None
            metadata = event.asset_materialization.metadata
            assert metadata["dagster/row_count"].value > 0, entity.table
            assert metadata["bytes"].value > 0
            assert "█" in str(metadata["rows per day"].value) or "▏" in str(metadata["rows per day"].value)


def test_every_asset_has_a_group_an_owner_and_a_description(small_lake: SmallLake) -> None:
    from orchestration.definitions import defs

    with small_lake.opened():
        graph = defs().resolve_asset_graph()
        for key in graph.get_all_asset_keys():
            node = graph.get(key)
            assert node.group_name != "default", key
            assert node.owners, key
            assert node.description, key


def test_all_nine_sources_lead_to_the_features(small_lake: SmallLake) -> None:
    from dagster import AssetKey

    from features.catalogue import load_groups
    from orchestration.definitions import defs

    with small_lake.opened():
        graph = defs().resolve_asset_graph()
        reached: set[AssetKey] = set()
        ahead = {AssetKey(group.table.split("/")) for group in load_groups()}
        while ahead:
            reached |= ahead
            ahead = {parent for key in ahead for parent in graph.get(key).parent_keys} - reached
        assert {key.path[1] for key in reached if key.path[0] == "source"} == set(discover_sources())


def test_a_run_makes_few_calls_and_one_step_runs_at_a_time(history: History) -> None:
    stats = sorted(history.instance.get_run_step_stats(history.run.run_id), key=lambda s: s.start_time or 0)
    assert sum(step.step_key.startswith("build_") for step in stats) <= 3  # and one parse: four dbt calls
    for one, following in pairwise(stats):
        assert (one.end_time or 0) <= (following.start_time or 0) + 0.01


def test_blocking_checks_stand_between_the_layers(small_lake: SmallLake) -> None:
    from dagster import AssetCheckKey, AssetKey

    from orchestration.definitions import defs
    from orchestration.events import SUITE_CHECK

    with small_lake.opened():
        graph = defs().resolve_asset_graph()
        for table in (
            "bronze/crm/customers",
            "identity/person_records",
            "identity/person_links",
            "marts/person_profile",
        ):
            assert graph.get(AssetCheckKey(AssetKey(table.split("/")), SUITE_CHECK)).blocking, table


def test_dagster_calls_nobody_and_keeps_its_history_bounded(small_lake: SmallLake, history: History) -> None:
    settings = (small_lake.home / "dagster" / "dagster.yaml").read_text()
    assert re.search(r"telemetry:\n\s+enabled: false", settings)
    assert re.search(r"default_limit: 1\b", settings)
    assert history.instance.get_settings("run_retries")["enabled"]
    from orchestration.instance import prune_runs

    assert prune_runs(history.instance, keep=1000) == 0


def test_sensor_asks_once_for_the_same_drops(small_lake: SmallLake) -> None:
    from dagster import RunRequest, SkipReason, build_sensor_context

    from orchestration.defs.automation import new_drops

    with small_lake.opened():
        first = build_sensor_context()
        assert isinstance(new_drops(first), RunRequest)
        assert isinstance(new_drops(build_sensor_context(cursor=first.cursor)), SkipReason)


def test_a_second_run_at_the_same_time_is_rejected_with_the_cure(small_lake: SmallLake) -> None:
    from runs.run_lock import run_lock

    with small_lake.opened(), run_lock():
        rejected = small_lake.lake("run")
    assert rejected.returncode == 1
    assert "another run is at work" in rejected.stderr
    assert "cure: wait" in rejected.stderr

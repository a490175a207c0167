"""An edit is attributed to its part, and asks for the work of that part alone."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from contracts.settings import reset_settings
from runs.changes import Changes
from runs.fingerprint import Edits, Fingerprint, as_text, find_edits, fingerprint, manifest_digest
from runs.ledger import Run

_FILES = {
    "sources/crm/contract.odcs.yaml": "version: 1",
    "sources/orders/contract.odcs.yaml": "version: 1",
    "contracts/values.yaml": "female: f",
    "dbt_project/models/marts/person_profile.sql": "select 1",
    "identity/matching/weights.py": "W = 1",
    "features/catalogue.py": "F = 1",
    "expectations/check.py": "C = 1",
    "expectations/suites/marts/person_profile.yaml": "checks: []",
    "expectations/suites/marts/_each.yaml": "checks: []",
    "expectations/suites/identity/person_links.yaml": "checks: []",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small project: rooms, two contracts, three suites."""
    for name, text in _FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("LAKE_CONTRACTS", str(tmp_path / "sources"))
    reset_settings()
    yield tmp_path
    monkeypatch.undo()
    reset_settings()


def _edit(project: Path, name: str) -> Edits:
    before = as_text(fingerprint(project))
    (project / name).write_text("edited: 1")
    return find_edits(before, fingerprint(project))


def _changes(edits: Edits) -> Changes:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    run = Run(
        "r",
        started_at=moment,
        finished_at=moment,
        state="succeeded",
        is_complete=True,
        clock_day=date(2026, 7, 1),
        code="",
    )
    return Changes(sources=(), baseline=run, tables=frozenset(), is_new_day=False, edits=edits, is_resumed=False)


def test_nothing_edited_is_nothing_to_do(project: Path) -> None:
    edits = find_edits(as_text(fingerprint(project)), fingerprint(project))
    assert not edits
    assert _changes(edits).nothing


def test_an_edited_suite_checks_its_table_alone_and_builds_nothing(project: Path) -> None:
    edits = _edit(project, "expectations/suites/marts/person_profile.yaml")
    assert edits == Edits(suites=frozenset({"marts/person_profile"}))
    assert (edits.models, edits.features, edits.identity) == (False, False, False)
    changes = _changes(edits)
    assert changes.reasons() == ["edited: suite marts/person_profile"]
    assert changes.needs_checks("marts/person_profile")
    assert not changes.needs_checks("marts/journey_events")
    assert not changes.is_stale("marts/person_profile")


def test_a_suite_for_each_table_checks_every_table_below_it(project: Path) -> None:
    changes = _changes(_edit(project, "expectations/suites/marts/_each.yaml"))
    assert changes.needs_checks("marts/journey_events")
    assert not changes.needs_checks("identity/person_links")


def test_a_suite_that_came_or_went_is_an_edited_one(project: Path) -> None:
    before = as_text(fingerprint(project))
    suite = project / "expectations/suites/identity/person_links.yaml"
    suite.rename(suite.with_name("person_events.yaml"))
    edits = find_edits(before, fingerprint(project))
    assert edits == Edits(suites=frozenset({"identity/person_links", "identity/person_events"}))


@pytest.mark.parametrize(
    ("name", "models", "features", "identity", "checks"),
    [
        ("dbt_project/models/marts/person_profile.sql", True, True, False, True),
        ("identity/matching/weights.py", False, False, True, False),
        ("features/catalogue.py", False, True, False, False),
        ("expectations/check.py", False, False, False, True),
        ("contracts/values.yaml", True, True, True, True),
        ("sources/shared.py", True, True, True, True),
        ("sources/devices/contract.odcs.yaml", True, True, True, True),
    ],
)
def test_an_edited_room_asks_for_the_work_of_its_step(
    project: Path, name: str, models: bool, features: bool, identity: bool, checks: bool
) -> None:
    (project / "sources/devices").mkdir()
    edits = _edit(project, name)
    assert (edits.models, edits.features, edits.identity) == (models, features, identity)
    assert _changes(edits).needs_checks("marts/journey_events") == checks
    assert not _changes(edits).nothing


def test_an_edited_contract_makes_what_reads_its_source_again(project: Path) -> None:
    changes = _changes(_edit(project, "sources/crm/contract.odcs.yaml"))
    assert changes.edits == Edits(sources=frozenset({"crm"}))
    assert (changes.edits.models, changes.edits.identity) == (False, False)
    for table in ("bronze/crm/customers", "quarantine/crm/customers"):
        assert changes.is_stale(table)
        assert changes.needs_checks(table)
    assert not changes.is_stale("bronze/orders/orders")
    assert not changes.needs_checks("bronze/orders/orders")


@pytest.mark.parametrize("recorded", [None, "", "0a1b2c3d4e5f6071", "1234567890123456", "[]"])
def test_what_an_older_lake_recorded_asks_for_everything(project: Path, recorded: str | None) -> None:
    edits = find_edits(recorded, fingerprint(project))
    assert edits.everything
    assert (edits.models, edits.features, edits.identity) == (True, True, True)
    assert _changes(edits).reasons() == ["models, contracts or rules were edited"]


def test_the_manifest_is_parsed_again_for_what_dbt_reads_and_nothing_else(project: Path) -> None:
    def digest_after(name: str) -> str:
        (project / name).write_text(f"edited: {name}")
        return manifest_digest(fingerprint(project))

    at_first = manifest_digest(fingerprint(project))
    assert digest_after("expectations/suites/marts/_each.yaml") == at_first
    assert digest_after("identity/matching/weights.py") == at_first
    for name in ("sources/crm/contract.odcs.yaml", "dbt_project/models/marts/person_profile.sql"):
        before = manifest_digest(fingerprint(project))
        assert digest_after(name) != before


def test_generated_files_do_not_count(project: Path) -> None:
    before = fingerprint(project)
    (project / "dbt_project/target").mkdir()
    (project / "dbt_project/target/run.sql").write_text("select 2")
    (project / "identity/notes.md").write_text("no code")
    assert fingerprint(project) == before


def test_the_fingerprint_of_this_project_names_every_source_and_suite() -> None:
    from contracts.contract_file import discover_sources
    from expectations.suite_files import discover_suites

    parts: Fingerprint = json.loads(as_text(fingerprint()))
    assert {f"source:{name}" for name in discover_sources()} < parts.keys()
    assert {f"suite:{name}" for name in discover_suites()} < parts.keys()

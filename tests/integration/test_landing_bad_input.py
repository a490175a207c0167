"""What can go wrong outside: a clear message with its cure, nothing lost, and the other sources land."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.catalogue.tables import LAKE_LAYOUT
from contracts.contract_file import SOURCES_ROOT, UnknownSourceError, discover_sources
from contracts.settings import PROJECT_ROOT, SettingsError, reset_settings
from ingestion.landing.land import UnknownEntityError, counters, has_new, land_source
from lake import layout, writer
from lake.layout import LayoutError
from lake.tables import list_tables
from tests.contract_rows import make_sources


@pytest.fixture
def nine(home: Path) -> Path:
    """A few rows in every source that is read from files or SQLite."""
    make_sources(home / "sandbox", rows=2, days=1)
    return home


def run_alone(source: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ingestion", source],
        env=os.environ | {"LAKE_HOME": str(home)} | environment,
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_unknown_source_is_rejected_with_the_known_ones(home: Path) -> None:
    with pytest.raises(UnknownSourceError) as rejected:
        land_source("till")
    assert "crm" in rejected.value.cure
    assert rejected.value.exit_code == 2


def test_unknown_entity_is_rejected_with_the_known_ones(home: Path) -> None:
    with pytest.raises(UnknownEntityError) as rejected:
        land_source("crm", entities=["customer"])
    assert "customers" in rejected.value.cure


def test_api_down_is_reported_and_the_other_sources_land(nine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SOURCE_VOICE_OF_CUSTOMER_URL", "http://127.0.0.1:9")
    results = {source: land_source(source) for source in discover_sources()}
    down = results.pop("voice_of_customer")
    assert down.state == "failed"
    assert "127.0.0.1:9" in (down.error or "")
    assert down.cure
    assert [e.entity for e in down.entities] == [c.entity for c in counters() if c.source == "voice_of_customer"]
    assert {source: result.state for source, result in results.items()} == dict.fromkeys(results, "landed")
    assert has_new("voice_of_customer")


def test_broker_down_is_reported_and_the_drops_land(nine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SERVICES", "1")
    monkeypatch.setenv("LAKE_SOURCE_DEVICES_URL", "mqtt://127.0.0.1:9")
    reset_settings()
    result = land_source("devices")
    assert result.state == "failed"
    assert "MQTT broker at 127.0.0.1:9" in (result.error or "")
    assert "start the broker" in (result.cure or "")
    assert {entity.entity: entity.counts.landed for entity in result.entities} == {"readings": 2, "registrations": 2}


def test_database_server_down_is_reported_with_its_place_but_no_password(
    nine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_SERVICES", "1")
    monkeypatch.setenv("LAKE_SOURCE_CRM_URL", "postgresql://lake:geheim@127.0.0.1:9/crm")
    reset_settings()
    result = land_source("crm")
    assert result.state == "failed"
    assert "127.0.0.1:9" in (result.error or "")
    assert "geheim" not in str(result.as_dict())


def test_path_that_cannot_be_written_is_rejected_with_cure(
    nine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "file" / "home"))
    reset_settings()
    with pytest.raises(SettingsError, match="cannot write below") as rejected:
        land_source("crm")
    assert "LAKE_HOME" in rejected.value.cure
    assert rejected.value.exit_code == 2


def test_lake_of_a_newer_layout_is_rejected_never_misread(nine: Path) -> None:
    land_source("crm")
    layout._write(layout.LAYOUT + 1)
    with pytest.raises(LayoutError) as rejected:
        land_source("crm")
    assert "newer version" in rejected.value.cure


def test_lake_with_tables_but_no_layout_is_rejected(nine: Path) -> None:
    land_source("crm")
    writer.delete(LAKE_LAYOUT, "true")
    with pytest.raises(LayoutError):
        land_source("crm")


def test_source_runs_alone_and_its_exit_code_says_how_it_went(nine: Path) -> None:
    done = run_alone("devices", nine)
    assert done.returncode == 0, done.stderr
    assert "4 received = 4 landed" in done.stdout
    (nine / "sandbox" / "crm" / "crm.db").unlink()
    failed = run_alone("crm", nine)
    assert failed.returncode == 1
    assert "crm.db" in failed.stderr
    assert "cure:" in failed.stderr
    assert "Traceback" not in failed.stderr
    wrong = run_alone("devices", Path("/proc/nowhere"))
    assert wrong.returncode == 2
    assert "cure:" in wrong.stderr


def test_contract_with_a_wrong_type_is_named_and_the_other_sources_land(nine: Path, tmp_path: Path) -> None:
    shutil.copytree(SOURCES_ROOT, tmp_path / "contracts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    broken = tmp_path / "contracts" / "crm" / "contract.odcs.yaml"
    broken.write_text(broken.read_text().replace("logicalType: boolean", "logicalType: truth", 1))
    done = subprocess.run(
        [sys.executable, "-m", "cli", "run"],
        env=os.environ | {"LAKE_CONTRACTS": str(tmp_path / "contracts")},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2
    assert "column 'is_employee': `logicalType` should be one of string" in done.stderr
    assert "cure: correct the contract" in done.stderr
    assert {source for _, source, _ in (name.split("/") for name in list_tables("bronze"))} == {
        "app_performance", "campaigns", "contact_centre", "devices", "orders", "service_delivery", "web_app",
    }  # fmt: skip

"""The one contract test that every source passes; a source is found by its folder and cannot opt out."""

import re
from pathlib import Path

import pytest

from contracts.contract_file import LANDING_COLUMNS, Contract, discover_sources, load_contract

pytestmark = pytest.mark.parametrize("contract", [load_contract(s) for s in discover_sources()], ids=discover_sources())

PERSONAL_NAMES = re.compile(r"(^|_)(full_name|given_name|family_name|name_latin|email|phone|national_id|street)$")


def test_contract_names_its_folder_an_owner_and_a_freshness(contract: Contract, root: Path) -> None:
    assert (root / "ingestion" / "sources" / contract.source / "contract.odcs.yaml").exists()
    assert contract.owner
    assert contract.steward
    assert contract.description
    assert contract.purposes
    assert contract.freshness.total_seconds() > 0


def test_source_can_be_reached_without_a_server(contract: Contract) -> None:
    assert any(server.server == "embedded" for server in contract.servers)


def test_every_entity_has_a_grain_a_key_and_its_moments(contract: Contract) -> None:
    for entity in contract.entities.values():
        at = f"{contract.source}.{entity.name}"
        assert entity.grain.startswith("One row per "), at
        assert entity.primary_key, at
        assert all(entity.column(name).required for name in entity.primary_key), at
        assert entity.column("event_at").logical_type == "timestamp", at
        assert entity.known_at is not None, at
        assert entity.column(entity.known_at).required, at
        assert entity.retention_days > 0, at
        assert set(entity.purposes) <= set(contract.purposes) | {"health", "research"}, at


def test_what_identifies_somebody_is_classified_as_personal(contract: Contract) -> None:
    wrong = [
        f"{entity.name}.{column.name}"
        for entity in contract.entities.values()
        for column in entity.columns
        if (
            column.identifier_kind in {"email", "phone", "national_id", "loyalty_no", "social_handle"}
            or PERSONAL_NAMES.search(column.name)
        )
        and not column.is_personal
    ]
    assert not wrong, f"{contract.source}: {wrong}"


def test_free_text_is_classified_as_text(contract: Contract) -> None:
    wrong = [
        f"{entity.name}.{column.name}"
        for entity in contract.entities.values()
        for column in entity.columns
        if re.search(r"(^|_)(note|comment|free_text|transcript|message_text|body)$", column.name)
        and column.classification != "pii_text"
    ]
    assert not wrong, f"{contract.source}: {wrong}"


def test_bronze_holds_what_the_source_delivers_and_what_landing_adds(contract: Contract) -> None:
    for entity in contract.entities.values():
        names = entity.bronze_schema().names
        assert names == [column.name for column in entity.columns] + [name for name, _ in LANDING_COLUMNS]
        assert len(set(names)) == len(names)


def test_source_is_its_contract_alone(contract: Contract, root: Path) -> None:
    """A stock connector reads it; code for one source is code that the tenth source would need too."""
    folder = root / "ingestion" / "sources" / contract.source
    assert [path.name for path in folder.iterdir() if path.name != "__pycache__"] == ["contract.odcs.yaml"]

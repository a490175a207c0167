"""What is said of a source in dbt agrees with its contract: derived sources, and staging folders edited by hand."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.contract_file import Contract, discover_sources, load_contract, load_contracts
from dbt_project.scaffold import STAGING, identity_columns, model_name, write_staging
from dbt_project.sources import LANDED, write_sources

ADDED = ["known_at", "first_known_at", "landed_at", "batch_id", "person_record_id"]


def declared(source: str) -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((STAGING / source / f"_{source}__models.yml").read_text(encoding="utf-8"))
    return {model["name"]: model for model in document["models"]}


@pytest.mark.parametrize("source", discover_sources())
def test_staging_documents_exactly_the_contracts_columns(source: str) -> None:
    contract = load_contract(source)
    models = declared(source)
    for entity in contract.entities.values():
        model = models[model_name(entity)]
        columns = [column["name"] for column in model["columns"]]
        assert columns[0] == "record_id"
        assert [c for c in columns[1:] if c not in ADDED] == [c.name for c in entity.columns], model["name"]
        assert model["config"]["meta"]["owner"] == contract.owner
        assert model["description"] == entity.grain


@pytest.mark.parametrize("source", discover_sources())
def test_staging_marks_exactly_the_columns_that_are_personal(source: str) -> None:
    models = declared(source)
    for entity in load_contract(source).entities.values():
        marked = {
            column["name"]: column["config"]["meta"]["classification"]
            for column in models[model_name(entity)]["columns"]
            if "config" in column
        }
        assert marked == {c.name: c.classification for c in entity.columns if c.is_personal}, entity.table


@pytest.mark.parametrize("contract", load_contracts(), ids=lambda contract: contract.source)
def test_every_staging_model_reads_its_own_entity(contract: Contract) -> None:
    for entity in contract.entities.values():
        text = (STAGING / contract.source / f"{model_name(entity)}.sql").read_text(encoding="utf-8")
        assert f"latest_versions('{contract.source}', '{entity.name}')" in text
        assert ("person_record_id" in text) == bool(identity_columns(entity)), entity.table


def test_scaffold_writes_a_source_and_leaves_what_is_there(tmp_path: Path) -> None:
    contract = load_contract("orders")
    kept = tmp_path / "orders" / "stg_orders__orders.sql"
    kept.parent.mkdir()
    kept.write_text("edited by hand")
    written = {path.name for path in write_staging(contract, tmp_path)}
    assert kept.name not in written
    assert written == {
        "_orders__models.yml", *(f"{model_name(e)}.sql" for e in contract.entities.values() if e.name != "orders"),
    }  # fmt: skip
    assert kept.read_text() == "edited by hand"
    assert write_staging(contract, tmp_path) == []


def test_sources_are_the_contracts_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "_gone__sources.yml").write_text("version: 2")
    digest = write_sources(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"_{name}__sources.yml" for name in discover_sources()}
    document = yaml.safe_load((tmp_path / "_crm__sources.yml").read_text())["sources"][0]
    contract = load_contract("crm")
    customers = next(table for table in document["tables"] if table["name"] == "customers")
    assert document["config"]["meta"]["owner"] == contract.owner
    assert customers["config"]["meta"]["delta_table"] == "bronze/crm/customers"
    assert [column["name"] for column in customers["columns"]] == [
        *(c.name for c in contract.entities["customers"].columns), *(name for name, _, _ in LANDED),
    ]  # fmt: skip
    assert write_sources(tmp_path) == digest


def test_an_unchanged_source_keeps_its_file_so_that_nothing_is_parsed_again(tmp_path: Path) -> None:
    write_sources(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_sources(tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before

"""What Dagster shows: every table is an asset with an owner, a group and a description; sources are all there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.contract_file import load_contracts
from tests.lake_context import lake_settings, opened


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """All assets, loaded once as `dagster dev` does (which costs seconds of imports)."""
    with opened(lake_settings(tmp_path_factory.mktemp("assets"))):
        from orchestration.definitions import defs

        yield list(defs.load_fn().resolve_all_asset_specs())


def test_every_asset_has_an_owner_a_group_and_a_description(specs: list[Any]) -> None:
    bare = [
        spec.key.to_user_string()
        for spec in specs
        if not spec.owners or not spec.description or spec.group_name in (None, "default")
    ]
    assert not bare, "\n".join(bare)


def test_every_entity_of_every_contract_is_an_asset_of_its_owner(specs: list[Any]) -> None:
    owners = {spec.key.to_user_string(): list(spec.owners) for spec in specs}
    for contract in load_contracts():
        for entity in contract.entities.values():
            assert owners.get(entity.table) == [f"team:{contract.owner}"], entity.table


def test_every_model_that_is_a_table_is_an_asset(specs: list[Any]) -> None:
    keys = {spec.key.to_user_string() for spec in specs}
    models = Path(__file__).resolve().parents[2] / "dbt_project" / "models"
    tables = {f"{layer}/{path.stem}" for layer in ("marts", "features") for path in (models / layer).rglob("*.sql")}
    missing = {name for name in tables if not name.partition("/")[2].startswith("int_")} - keys
    assert not missing

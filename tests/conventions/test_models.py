"""Rules for dbt models: a name that shows layer and origin, a grain, an owner, a staging model for every entity."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.contract_file import load_contracts

#: Layer folder -> how its models are named.
NAMES = {
    "staging": re.compile(r"(stg|int)_[a-z_]+?__[a-z_]+"),
    "identity": re.compile(r"int_[a-z_]+__[a-z_]+|[a-z][a-z_]*[a-z]"),
    "intermediate": re.compile(r"int_[a-z_]+__[a-z_]+"),
    "marts": re.compile(r"(int_[a-z_]+__[a-z_]+)|(?!stg_)[a-z][a-z_]*[a-z]"),
    "features": re.compile(r"(int_[a-z_]+__[a-z_]+)|(?!stg_)[a-z][a-z_]*[a-z]"),
}
#: SQL that one of the two engines does not run, or runs otherwise (ADR 9), and what to write instead.
NOT_ON_BOTH_ENGINES = {
    r"\bqualify\b": "row_number() in a subquery",
    r"\bgroup\s+by\s+all\b": "the columns",
    r"\bexclude\s*\(": "the columns",
    r"\barg_max\s*\(|\barg_min\s*\(": "max_by / min_by",
    r"\bquantile_cont\s*\(": "percentile_cont … within group",
    r"\basof\s+(left\s+)?join\b": "a join on validity",
    r"\bhash\s*\(": "md5",
}


@pytest.fixture(scope="module")
def declared(root: Path) -> dict[str, dict[str, Any]]:
    """Every model that a yml declares, by name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((root / "dbt_project" / "models").rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            assert model["name"] not in found, f"{model['name']} is declared twice"
            found[model["name"]] = model
    return found


@pytest.fixture(scope="module")
def folder_config(root: Path) -> dict[str, Any]:
    project = yaml.safe_load((root / "dbt_project" / "dbt_project.yml").read_text())
    return dict(project["models"][project["name"]])


def layer(root: Path, model: Path) -> str:
    return model.relative_to(root / "dbt_project" / "models").parts[0]


def test_there_are_models_in_every_layer(root: Path, models: list[Path]) -> None:
    assert {"staging", "identity", "marts", "features"} <= {layer(root, model) for model in models}


def test_model_names_show_layer_and_origin(root: Path, models: list[Path]) -> None:
    wrong = []
    for model in models:
        named = NAMES[layer(root, model)].fullmatch(model.stem)
        origin = f"_{model.parent.name}__" if layer(root, model) == "staging" else ""
        if named is None or origin not in model.stem:
            wrong.append(str(model.relative_to(root)))
    assert not wrong, "\n".join(wrong)


def test_every_model_is_declared_and_every_declaration_has_a_model(
    models: list[Path], declared: dict[str, dict[str, Any]]
) -> None:
    names = {model.stem for model in models}
    assert names == set(declared), f"without yml: {names - set(declared)}; without SQL: {set(declared) - names}"


def test_first_sentence_of_every_model_is_its_grain(declared: dict[str, dict[str, Any]]) -> None:
    wrong = [
        name for name, model in declared.items() if not str(model.get("description", "")).startswith("One row per ")
    ]
    assert not wrong, "the description starts with `One row per …`: " + ", ".join(wrong)


def test_every_model_has_one_owner(
    root: Path, models: list[Path], declared: dict[str, dict[str, Any]], folder_config: dict[str, Any]
) -> None:
    """Of a view the source's team, in its own `meta`; of a table the team that owns the group of its folder."""
    groups = yaml.safe_load((root / "dbt_project" / "models" / "_groups.yml").read_text())["groups"]
    owned = {group["name"] for group in groups if group["owner"]["name"]}

    def owners(model: Path) -> int:
        own, folder = declared.get(model.stem, {}).get("config", {}), folder_config.get(layer(root, model), {})
        stated = sum("owner" in (config.get(key) or {}) for config in (own, folder) for key in ("meta", "+meta"))
        return stated + (layer(root, model) != "staging" and folder.get("+group") in owned)

    wrong = [str(model.relative_to(root)) for model in models if owners(model) != 1]
    assert not wrong, "none, or more than one: " + ", ".join(wrong)


def test_every_column_of_a_mart_is_described(
    root: Path, models: list[Path], declared: dict[str, dict[str, Any]]
) -> None:
    without = [
        f"{model.stem}.{column['name']}"
        for model in models
        if layer(root, model) == "marts"
        for column in declared[model.stem].get("columns", [])
        if not column.get("description")
    ]
    assert not without, "\n".join(without)


def test_every_entity_of_every_contract_has_a_staging_model(models: list[Path]) -> None:
    wanted = {f"stg_{contract.source}__{entity}" for contract in load_contracts() for entity in contract.entities}
    staged = {model.stem for model in models if model.stem.startswith("stg_")}
    cure = "run `.venv/bin/python -m dbt_project.scaffold <source>` for what is missing; delete what has no contract"
    assert wanted == staged, f"missing: {sorted(wanted - staged)}; of no contract: {sorted(staged - wanted)}; {cure}"


def test_staging_joins_nothing(root: Path, models: list[Path]) -> None:
    joined = [
        model.name for model in models if layer(root, model) == "staging" and re.search(r"\bjoin\b", code(model), re.I)
    ]
    assert not joined, ", ".join(joined)


def test_models_write_sql_that_both_engines_run(root: Path, models: list[Path]) -> None:
    offences = [
        f"{model.relative_to(root)}: {found.group()} (write {instead})"
        for model in models
        for pattern, instead in NOT_ON_BOTH_ENGINES.items()
        if (found := re.search(pattern, code(model), re.IGNORECASE))
    ]
    assert not offences, "\n".join(offences)


def code(model: Path) -> str:
    """A model's text without comments."""
    text = re.sub(r"\{#.*?#\}|/\*.*?\*/", "", model.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text)

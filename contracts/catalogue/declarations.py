"""Declarations of tables as they stand in files: our own (`<zone>/<table>.yaml` in this folder), and dbt's yml.

Read strictly: a key that is not known is an error, since a typing error would silently delete a promise.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import yaml

from contracts.catalogue.column_types import arrow_type
from contracts.catalogue.table import CLASSIFICATIONS, Table, TableColumn
from contracts.catalogue.zones import IDENTITY, MARTS
from contracts.errors import LakeError
from contracts.settings import PROJECT_ROOT
from contracts.yaml_text import load_yaml

DECLARATIONS = Path(__file__).resolve().parent
MODELS = PROJECT_ROOT / "dbt_project" / "models"
#: Zones of dbt's tables whose columns are written out; those of features are derived from a shorter declaration.
DESCRIBED_ZONES = (IDENTITY, MARTS)

_TABLE_KEYS = {"grain", "owner", "writer", "read_by", "retention", "columns"}
_COLUMN_KEYS = {"name", "type", "meaning", "classification", "unit"}
_MODEL_META = {"read_by", "retention"}


class DeclarationError(LakeError):
    """A declaration of a table cannot be used as written."""

    exit_code = 2


def declared_names(root: Path = DECLARATIONS) -> list[str]:
    """Names of the tables that have a file of their own, sorted."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in root.glob("*/*.yaml"))


def read_table(name: str, root: Path = DECLARATIONS) -> Table | None:
    """The declaration of a table that has a file of its own; None where there is none.

    Raises:
        DeclarationError: the file cannot be used; names the file, the place and what was expected.
    """
    path = root / f"{name}.yaml"
    if not path.exists():
        return None
    document = _document(path)
    at = _place(path)
    _only(document, _TABLE_KEYS, at)
    for key in sorted(_TABLE_KEYS - document.keys()):
        _fail(at, f"the key `{key}`")
    return Table(
        name=name,
        grain=_grain(document["grain"], at),
        owner=document["owner"],
        writer=document["writer"],
        read_by=tuple(document["read_by"]),
        retention=document["retention"],
        columns=_columns(document["columns"], at),
        declared_in=at,
    )


def read_columns(path: Path) -> tuple[TableColumn, ...]:
    """The columns in a file that declares nothing else."""
    document = _document(path)
    _only(document, {"columns"}, _place(path))
    return _columns(document["columns"], _place(path))


def read_models(zone: str, root: Path = MODELS) -> dict[str, Table]:
    """The tables that dbt builds in a zone whose columns stand in its yml, by name; views are no tables."""
    if zone not in DESCRIBED_ZONES:
        return {}
    return {
        f"{zone}/{model['name']}": _table_of_model(zone, model=model, owner=group_owner(zone, root), path=path)
        for path in sorted((root / zone).glob("*.yml"))
        for model in _document(path).get("models") or []
        if _config(model).get("materialized") != "view"
    }


@lru_cache
def group_owner(zone: str, root: Path = MODELS) -> str:
    """The team that owns what dbt builds in a zone: the owner of the group of models of that name."""
    path = root / "_groups.yml"
    owners = {group["name"]: group["owner"]["name"] for group in _document(path)["groups"]}
    return str(owners.get(zone) or _fail(_place(path), f"a group {zone!r} with an owner"))


def _table_of_model(zone: str, *, model: Mapping[str, Any], owner: str, path: Path) -> Table:
    at = f"{_place(path)}: model {model['name']}"
    meta = _config(model).get("meta") or {}
    _only(meta, _MODEL_META, f"{at}, meta")
    for key in sorted(_MODEL_META - meta.keys()):
        _fail(at, f"the key `{key}` under config.meta")
    return Table(
        name=f"{zone}/{model['name']}",
        grain=_grain(model.get("description") or "", at),
        owner=owner,
        writer=f"dbt_project/models/{zone}/{model['name']}.sql",
        read_by=tuple(meta["read_by"]),
        retention=meta["retention"],
        columns=tuple(_column_of_model(column, at) for column in model.get("columns") or _fail(at, "columns")),
        declared_in=_place(path),
    )


def _column_of_model(column: Mapping[str, Any], where: str) -> TableColumn:
    at = f"{where}, column {column.get('name')}"
    meta = _config(column).get("meta") or {}
    _only(meta, {"classification", "unit"}, f"{at}, meta")
    return TableColumn(
        name=column["name"],
        type=_type(column.get("data_type"), at),
        meaning=column.get("description") or _fail(at, "a description"),
        classification=_classification(meta, at),
        unit=meta.get("unit"),
        is_required=any(constraint["type"] == "not_null" for constraint in column.get("constraints") or []),
        is_key="key" in (column.get("data_tests") or []),
    )


def _columns(columns: list[dict[str, Any]], where: str) -> tuple[TableColumn, ...]:
    read = tuple(_column(column, where) for column in columns)
    if len({column.name for column in read}) < len(read):
        _fail(where, "each column once")
    return read


def _column(column: Mapping[str, Any], where: str) -> TableColumn:
    at = f"{where}, column {column.get('name')}"
    _only(column, _COLUMN_KEYS, at)
    return TableColumn(
        name=column.get("name") or _fail(at, "a name"),
        type=_type(column.get("type"), at),
        meaning=column.get("meaning") or _fail(at, "a meaning"),
        classification=_classification(column, at),
        unit=column.get("unit"),
    )


def _type(word: str | None, where: str) -> str:
    try:
        arrow_type(word or "")
    except ValueError as error:
        _fail(where, f"a type that there is ({error})")
    return word or ""


def _classification(given: Mapping[str, Any], where: str) -> str:
    value = given.get("classification", "internal")
    return str(value) if value in CLASSIFICATIONS else _fail(where, f"a class of {', '.join(CLASSIFICATIONS)}")


def _grain(text: str, where: str) -> str:
    return " ".join(text.split()) if text.startswith("One row per ") else _fail(where, "a grain `One row per …`")


def _config(node: Mapping[str, Any]) -> dict[str, Any]:
    return node.get("config") or {}


def _document(path: Path) -> dict[str, Any]:
    try:
        return load_yaml(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise DeclarationError(f"{_place(path)}: not YAML: {error}", cure="correct the file") from None


def _place(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT)) if path.is_relative_to(PROJECT_ROOT) else path.name


def _only(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in sorted(set(given) - known):
        _fail(where, f"only the keys {', '.join(sorted(known))}, not {key!r}")


def _fail(where: str, expected: str) -> NoReturn:
    raise DeclarationError(f"{where}: should have {expected}", cure="correct the declaration")

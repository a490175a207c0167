"""The catalogue of features, read from where they are declared: the yml of the dbt models in models/features.

One measure of a declaration stands for `aggregates x windows` features named `<measure>_<aggregate>_<window>`; the
dbt macro `feature_table` computes the same names, and a test compares them. What a feature may be used for, who
answers for the data and how sensitive it is follow from the source's contract. Knows nothing of Feast or dbt.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from contracts.contract_file import CLASSIFICATIONS, Contract, Entity, load_contract
from contracts.errors import LakeError
from contracts.settings import PROJECT_ROOT
from lake.tables import open_table

MODELS_ROOT = PROJECT_ROOT / "dbt_project" / "models" / "features"

#: Aggregate -> how its description reads. The dbt macro `feature_aggregate` renders exactly these.
AGGREGATES: Mapping[str, str] = {
    "count": "number",
    "distinct": "different ones",
    "sum": "total",
    "avg": "average",
    "min": "least",
    "max": "most",
    "stddev": "standard deviation",
    "share": "share",
    "last": "last one",
}
WHOLE_NUMBERS = ("count", "distinct")

_GROUP_KEYS = {"source", "owner", "windows", "entities"}
_ENTITY_KEYS = {"parent", "where", "durations", "measures"}
_MEASURE_KEYS = {"aggregates", "value", "where", "windows", "unit", "description", "purpose"}
_REQUIRED_KEYS = {"aggregates", "unit", "description"}
# Safe like `safe_load`, and ten times as fast: an idle run and every command read the declarations.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_MEASURE_NAME = re.compile(r"[a-z][a-z0-9_]*")


class CatalogError(LakeError):
    """A declaration of features cannot be used as written."""

    exit_code = 2


@dataclass(frozen=True)
class Feature:
    """One column of a feature table.

    Attributes:
        purposes: what it may be used for; never more than the contract of its source allows.
        pii_class: the most sensitive class among the columns it is computed from.
    """

    name: str
    group: str
    entity: str
    measure: str
    aggregate: str
    window_days: int
    description: str
    owner: str
    purposes: tuple[str, ...]
    unit: str
    pii_class: str

    @property
    def is_whole_number(self) -> bool:
        """Whether the column is a bigint (never null); else it is a double."""
        return self.aggregate in WHOLE_NUMBERS


@dataclass(frozen=True)
class FeatureGroup:
    """One feature table: everything a single source tells of a person. Its name is the dbt model's."""

    name: str
    source: str
    description: str
    owner: str
    features: tuple[Feature, ...]

    @property
    def table(self) -> str:
        """Name of the Delta table."""
        return f"features/{self.name}"


@dataclass(frozen=True)
class FeatureService:
    """A named choice of features for one use; declared as a dbt exposure, so that dbt's lineage shows it too.

    Attributes:
        purpose: only features that may be used for it are in the service; None admits every purpose.
        groups: the feature models it depends on; none named means all there are.
    """

    name: str
    description: str
    owner: str
    purpose: str | None
    groups: tuple[str, ...]

    def features_of(self, group: FeatureGroup) -> tuple[Feature, ...]:
        """The features of a group that the service serves."""
        if self.groups and group.name not in self.groups:
            return ()
        return tuple(f for f in group.features if self.purpose is None or self.purpose in f.purposes)


def load_groups(root: Path = MODELS_ROOT) -> list[FeatureGroup]:
    """All feature groups, by name.

    Raises:
        CatalogError: a declaration cannot be used; names the file, the place and what was expected.
    """
    groups = [
        _group(model, declared, path)
        for path, document in _documents(root)
        for model in document.get("models") or []
        if (declared := ((model.get("config") or {}).get("meta") or {}).get("features"))
    ]
    names = Counter(feature.name for group in groups for feature in group.features)
    for name, count in names.items():
        if count > 1:
            raise CatalogError(f"feature {name!r} is declared {count} times", cure="rename one of the measures")
    return sorted(groups, key=lambda group: group.name)


def served_groups(root: Path = MODELS_ROOT) -> list[FeatureGroup]:
    """The groups as the lake can serve them: those with a table, with the features whose columns it has.

    A feature declared today is computed with the next snapshot; until then Feast is not told of it, since it would
    ask every reader's query for a column that is not there.
    """
    served = []
    for group in load_groups(root):
        table = open_table(group.table)
        if table is not None:
            there = {field.name for field in table.schema().fields}
            served.append(replace(group, features=tuple(f for f in group.features if f.name in there)))
    return served


def load_services(root: Path = MODELS_ROOT) -> list[FeatureService]:
    """All feature services, by name: the dbt exposures beside the feature models."""
    services = [
        FeatureService(
            name=exposure["name"],
            description=" ".join(exposure["description"].split()),
            owner=exposure["owner"]["name"],
            purpose=exposure["config"]["meta"]["purpose"],
            groups=tuple(re.findall(r"ref\('(\w+)'\)", " ".join(exposure.get("depends_on") or []))),
        )
        for _, document in _documents(root)
        for exposure in document.get("exposures") or []
    ]
    return sorted(services, key=lambda service: service.name)


def list_features(root: Path = MODELS_ROOT) -> dict[str, list[dict[str, str]]]:
    """What `lake features list --json` prints."""
    return {
        "features": [
            {
                "name": feature.name,
                "group": feature.group,
                "description": feature.description,
                "owner": feature.owner,
                "purpose": ", ".join(feature.purposes),
                "unit": feature.unit,
            }
            for group in load_groups(root)
            for feature in group.features
        ]
    }


def _documents(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(root.glob("**/*.yml")):
        try:
            yield path, yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}
        except yaml.YAMLError as error:
            raise CatalogError(f"{path}: not YAML: {error}", cure="correct the file") from None


def _group(model: dict[str, Any], declared: dict[str, Any], path: Path) -> FeatureGroup:
    at = f"{path.name}: model {model['name']!r}"
    _refuse_unknown(declared, _GROUP_KEYS, at)
    contract = load_contract(declared.get("source") or _fail(at, "a `source` that has a contract"))
    owner = declared.get("owner") or contract.owner
    features = tuple(
        feature
        for name, entity in (declared.get("entities") or {}).items()
        for feature in _features_of_entity(model["name"], owner, declared, contract, name, entity, at)
    )
    if not features:
        _fail(at, "at least one measure")
    return FeatureGroup(
        name=model["name"],
        source=contract.source,
        description=" ".join((model.get("description") or _fail(at, "a description")).split()),
        owner=owner,
        features=features,
    )


def _features_of_entity(
    group: str, owner: str, declared: dict[str, Any], contract: Contract, name: str, entity: dict[str, Any], where: str
) -> Iterator[Feature]:
    at = f"{where}, entity {name!r}"
    if name not in contract.entities:
        _fail(at, f"one of the entities of {contract.source}: {', '.join(contract.entities)}")
    _refuse_unknown(entity, _ENTITY_KEYS, at)
    for measure, spec in (entity.get("measures") or {}).items():
        here = f"{at}, measure {measure!r}"
        _refuse_unknown(spec, _MEASURE_KEYS, here)
        if not _MEASURE_NAME.fullmatch(measure):
            _fail(here, "a name of lower-case letters, digits and underscores")
        for key in sorted(_REQUIRED_KEYS - {key for key, value in spec.items() if value}):
            _fail(here, f"the key `{key}`")
        purposes = _purposes(spec.get("purpose"), contract.entities[name], here)
        for aggregate in spec["aggregates"]:
            if aggregate not in AGGREGATES:
                _fail(here, f"aggregates out of {', '.join(AGGREGATES)}, not {aggregate!r}")
            if aggregate != "count" and not spec.get("value"):
                _fail(here, f"a `value` for the aggregate {aggregate!r}")
            for window in spec.get("windows") or declared.get("windows") or _fail(at, "`windows`, in days"):
                yield Feature(
                    name=f"{measure}_{aggregate}_{window}d",
                    group=group,
                    entity=name,
                    measure=measure,
                    aggregate=aggregate,
                    window_days=window,
                    description=f"{spec['description']}: {AGGREGATES[aggregate]} in the last {window} days.",
                    owner=owner,
                    purposes=purposes,
                    unit=spec["unit"],
                    pii_class=_pii_class(contract.entities[name], entity, spec),
                )


def _purposes(declared: str | list[str] | None, entity: Entity, where: str) -> tuple[str, ...]:
    """The declared purposes, else all that the contract allows; more than the contract allows is refused."""
    if declared is None:
        return tuple(sorted(entity.purposes))
    wanted = (declared,) if isinstance(declared, str) else tuple(sorted(declared))
    for purpose in wanted:
        if purpose not in entity.purposes:
            _fail(where, f"a purpose that the contract allows ({', '.join(entity.purposes)}), not {purpose!r}")
    return wanted


def _pii_class(entity: Entity, declared: dict[str, Any], spec: dict[str, Any]) -> str:
    """The most sensitive class among the contract's columns that the expressions name; `internal` at the least."""
    durations = declared.get("durations") or {}
    text = " ".join(str(part) for part in (spec.get("value"), spec.get("where"), declared.get("where"), durations))
    used = set(re.findall(r"[a-z_][a-z0-9_]*", text))
    classes = {column.classification for column in entity.columns if column.name in used} | {"internal"}
    return max(classes, key=CLASSIFICATIONS.index)


def _refuse_unknown(found: dict[str, Any], known: set[str], where: str) -> None:
    for key in sorted(set(found) - known):
        _fail(where, f"only the keys {', '.join(sorted(known))}, not {key!r}")


def _fail(where: str, expected: str) -> NoReturn:
    raise CatalogError(f"{where}: should have {expected}", cure="correct the declaration")

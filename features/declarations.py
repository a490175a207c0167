"""What is declared: the yml of the dbt models in models/features, read and validated, as frozen objects.

A declaration keeps apart what is measured (`Measure`: value and filter), over which time (its windows) and how
(`Aggregation`). A feature is one choice of the three, and its name is given here and nowhere else. The module does not
parse SQL: `features.compile` makes the query, `features.catalogue` makes what people and Feast read.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contracts.contract_file import Contract, Entity, load_contract
from contracts.settings import PROJECT_ROOT
from features.aggregations import AGGREGATIONS, Aggregation
from features.errors import CatalogError, reject

MODELS_ROOT = PROJECT_ROOT / "dbt_project" / "models" / "features"
#: Which of several parents that are known at a snapshot gives the person.
PICKS = ("first", "latest")
#: Unit of a duration -> its microseconds.
DURATION_UNITS: Mapping[str, int] = {
    "seconds": 1_000_000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "days": 86_400_000_000,
}

_GROUP_KEYS = {"source", "owner", "windows", "entities"}
_ENTITY_KEYS = {"parent", "where", "durations", "measures"}
_PARENT_KEYS = {"entity", "key", "pick", "columns"}
_DURATION_KEYS = {"since", "until", "unit"}
_MEASURE_KEYS = {"aggregates", "value", "where", "windows", "unit", "description", "purpose"}
_REQUIRED_KEYS = {"aggregates", "unit", "description"}
# Safe like `safe_load`, and ten times as fast: an idle run and every command read the declarations.
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_MEASURE_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Measure:
    """What is measured on the rows of an entity.

    Attributes:
        value: SQL over the entity's columns; None where rows are only counted.
        where: SQL condition that a row has to meet; None where all rows count.
        windows: days back from the snapshot.
        purposes: what its features may be used for; never more than the contract of the source allows.
    """

    name: str
    value: str | None
    where: str | None
    aggregations: tuple[Aggregation, ...]
    windows: tuple[int, ...]
    unit: str
    description: str
    purposes: tuple[str, ...]


@dataclass(frozen=True)
class FeatureColumn:
    """One feature: a measure, aggregated over a window."""

    measure: Measure
    aggregation: Aggregation
    window_days: int

    @property
    def name(self) -> str:
        """`<measure>_<aggregation>_<window>`: the name of the column, in the table and in Feast."""
        return f"{self.measure.name}_{self.aggregation.name}_{self.window_days}d"


@dataclass(frozen=True)
class Parent:
    """The entity whose person a row takes that names nobody itself.

    Attributes:
        key: the column that both entities have.
        pick: where there can be several parents, which of those known at the snapshot gives the person.
        columns: the parent's columns that expressions may use, as `parent_<column>`.
    """

    entity: str
    key: str
    pick: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Duration:
    """A column with the time between two instants of a row, in `unit`."""

    name: str
    since: str
    until: str
    unit: str


@dataclass(frozen=True)
class DeclaredEntity:
    """An entity of the source, and what is measured on its rows. One without measures only is a parent."""

    contract: Entity
    parent: Parent | None
    where: str | None
    durations: tuple[Duration, ...]
    measures: tuple[Measure, ...]

    @property
    def name(self) -> str:
        """The entity's name in the contract."""
        return self.contract.name

    @property
    def features(self) -> Iterator[FeatureColumn]:
        """What the measures stand for, in the order of the declaration: aggregates times windows."""
        for measure in self.measures:
            for aggregation in measure.aggregations:
                for window_days in measure.windows:
                    yield FeatureColumn(measure, aggregation, window_days)

    @property
    def windows(self) -> tuple[int, ...]:
        """Every window that the measures use, ascending, in days."""
        return tuple(sorted({window for measure in self.measures for window in measure.windows}))


@dataclass(frozen=True)
class Declaration:
    """A feature group: one dbt model, one table. `place` says where it is declared, for errors."""

    name: str
    description: str
    owner: str
    contract: Contract
    entities: tuple[DeclaredEntity, ...]
    place: str

    @property
    def windows(self) -> tuple[int, ...]:
        """Every window that the entities use, ascending, in days."""
        return tuple(sorted({window for entity in self.entities for window in entity.windows}))


def load_declarations(root: Path = MODELS_ROOT) -> list[Declaration]:
    """All declared groups, by name.

    Raises:
        CatalogError: a declaration cannot be used; names the file, the place and what was expected.
    """
    declarations = [
        _declaration(model, declared, path)
        for path, document in documents(root)
        for model in document.get("models") or []
        if (declared := ((model.get("config") or {}).get("meta") or {}).get("features"))
    ]
    return sorted(declarations, key=lambda declaration: declaration.name)


def documents(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every yml below a folder, with its content."""
    for path in sorted(root.glob("**/*.yml")):
        try:
            yield path, yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER) or {}
        except yaml.YAMLError as error:
            raise CatalogError(f"{path}: not YAML: {error}", cure="correct the file") from None


def _declaration(model: Mapping[str, Any], declared: Mapping[str, Any], path: Path) -> Declaration:
    place = f"{path.name}: model {model['name']!r}"
    _reject_unknown_keys(declared, _GROUP_KEYS, place)
    contract = load_contract(declared.get("source") or reject(place, "a `source` that has a contract"))
    entities = tuple(
        _entity(name, entity or {}, contract=contract, windows=declared.get("windows"), group=place)
        for name, entity in (declared.get("entities") or {}).items()
    )
    if not any(entity.measures for entity in entities):
        reject(place, "at least one measure")
    for entity in entities:
        if entity.parent and entity.parent.entity not in {other.name for other in entities}:
            reject(f"{place}, entity {entity.name!r}", f"the parent {entity.parent.entity!r} declared as an entity too")
    return Declaration(
        name=model["name"],
        description=" ".join((model.get("description") or reject(place, "a description")).split()),
        owner=declared.get("owner") or contract.owner,
        contract=contract,
        entities=entities,
        place=place,
    )


def _entity(
    name: str, declared: Mapping[str, Any], *, contract: Contract, windows: list[int] | None, group: str
) -> DeclaredEntity:
    place = f"{group}, entity {name!r}"
    if name not in contract.entities:
        reject(place, f"one of the entities of {contract.source}: {', '.join(contract.entities)}")
    _reject_unknown_keys(declared, _ENTITY_KEYS, place)
    entity = contract.entities[name]
    return DeclaredEntity(
        contract=entity,
        parent=_parent(declared["parent"], place) if declared.get("parent") else None,
        where=declared.get("where"),
        durations=tuple(
            _duration(column, duration, place) for column, duration in (declared.get("durations") or {}).items()
        ),
        measures=tuple(
            _measure(measure, spec or {}, entity=entity, windows=windows, where=place)
            for measure, spec in (declared.get("measures") or {}).items()
        ),
    )


def _parent(declared: Mapping[str, Any], entity: str) -> Parent:
    place = f"{entity}, parent"
    _reject_unknown_keys(declared, _PARENT_KEYS, place)
    for key in ("entity", "key"):
        if not declared.get(key):
            reject(place, f"the key `{key}`")
    pick = declared.get("pick")
    if pick is not None and pick not in PICKS:
        reject(place, f"a `pick` out of {', '.join(PICKS)}, not {pick!r}")
    columns = tuple(declared.get("columns") or ())
    return Parent(entity=declared["entity"], key=declared["key"], pick=pick, columns=columns)


def _duration(name: str, declared: Mapping[str, Any], entity: str) -> Duration:
    place = f"{entity}, duration {name!r}"
    _reject_unknown_keys(declared, _DURATION_KEYS, place)
    for key in ("since", "until", "unit"):
        if not declared.get(key):
            reject(place, f"the key `{key}`")
    if declared["unit"] not in DURATION_UNITS:
        reject(place, f"a `unit` out of {', '.join(DURATION_UNITS)}, not {declared['unit']!r}")
    return Duration(name=name, since=declared["since"], until=declared["until"], unit=declared["unit"])


def _measure(
    name: str, declared: Mapping[str, Any], *, entity: Entity, windows: list[int] | None, where: str
) -> Measure:
    place = f"{where}, measure {name!r}"
    _reject_unknown_keys(declared, _MEASURE_KEYS, place)
    if not _MEASURE_NAME.fullmatch(name):
        reject(place, "a name of lower-case letters, digits and underscores")
    for key in sorted(_REQUIRED_KEYS - {key for key, value in declared.items() if value}):
        reject(place, f"the key `{key}`")
    for aggregate in declared["aggregates"]:
        if aggregate not in AGGREGATIONS:
            reject(place, f"aggregates out of {', '.join(AGGREGATIONS)}, not {aggregate!r}")
        if AGGREGATIONS[aggregate].needs_value and not declared.get("value"):
            reject(place, f"a `value` for the aggregate {aggregate!r}")
    return Measure(
        name=name,
        value=_sql(declared.get("value")),
        where=_sql(declared.get("where")),
        aggregations=tuple(AGGREGATIONS[aggregate] for aggregate in declared["aggregates"]),
        windows=tuple(declared.get("windows") or windows or reject(where, "`windows`, in days")),
        unit=declared["unit"],
        description=declared["description"],
        purposes=_purposes(declared.get("purpose"), entity, place),
    )


def _sql(text: Any) -> str | None:
    """YAML reads a bare `true` or `1` as a value of its own; in SQL it is text like any other."""
    return None if text is None else str(text)


def _purposes(declared: str | list[str] | None, entity: Entity, place: str) -> tuple[str, ...]:
    """The declared purposes, or all that the contract allows; more than the contract allows is rejected."""
    if declared is None:
        return tuple(sorted(entity.purposes))
    purposes = (declared,) if isinstance(declared, str) else tuple(sorted(declared))
    for purpose in purposes:
        if purpose not in entity.purposes:
            reject(place, f"a purpose that the contract allows ({', '.join(entity.purposes)}), not {purpose!r}")
    return purposes


def _reject_unknown_keys(declared: Mapping[str, Any], known: set[str], place: str) -> None:
    for key in sorted(set(declared) - known):
        reject(place, f"only the keys {', '.join(sorted(known))}, not {key!r}")

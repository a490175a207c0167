"""The catalogue of features: what people, Feast and governance read of the declarations.

What a feature may be used for, who answers for the data and how sensitive it is follow from the source's contract.
`features.declarations` reads the files; this module knows nothing of SQL, and Feast only reads what it gives.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from contracts.catalogue.tables import feature_name
from contracts.contract_file import CLASSIFICATIONS
from features.declarations import MODELS_ROOT, Declaration, DeclaredEntity, FeatureColumn, documents, load_declarations
from features.errors import CatalogError
from lake.tables import open_table


@dataclass(frozen=True)
class Feature:
    """One column of a feature table.

    Attributes:
        is_whole_number: the column is a bigint (never null); otherwise it is a double.
        purposes: what it may be used for; never more than the contract of its source allows.
        pii_class: the most sensitive class among the columns it is computed from.
    """

    name: str
    group: str
    entity: str
    measure: str
    aggregate: str
    window_days: int
    is_whole_number: bool
    description: str
    owner: str
    purposes: tuple[str, ...]
    unit: str
    pii_class: str


@dataclass(frozen=True)
class FeatureGroup:
    """One feature table: everything that a single source says about a person. Its name is the dbt model's."""

    name: str
    source: str
    description: str
    owner: str
    features: tuple[Feature, ...]

    @property
    def table(self) -> str:
        """Name of the Delta table."""
        return feature_name(self.name)


@dataclass(frozen=True)
class FeatureService:
    """A named choice of features for one use; declared as a dbt exposure, so that dbt's lineage shows it too.

    Attributes:
        purpose: only features that may be used for it are in the service; None admits every purpose.
        groups: the feature models it depends on; an empty tuple means all of them.
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
    groups = [_group(declaration) for declaration in load_declarations(root)]
    names = Counter(feature.name for group in groups for feature in group.features)
    for name, count in names.items():
        if count > 1:
            raise CatalogError(f"feature {name!r} is declared {count} times", cure="rename one of the measures")
    return groups


def served_groups(root: Path = MODELS_ROOT) -> list[FeatureGroup]:
    """The groups as the lake can serve them: those with a table, with the features whose columns it has.

    A feature declared today is computed with the next snapshot. Until then it is not registered with Feast, which would
    ask for its column, not there yet, in every reader's query.
    """
    served = []
    for group in load_groups(root):
        table = open_table(group.table)
        if table is not None:
            columns = {field.name for field in table.schema().fields}
            served.append(replace(group, features=tuple(f for f in group.features if f.name in columns)))
    return served


def load_services(root: Path = MODELS_ROOT) -> list[FeatureService]:
    """All feature services, by name: the dbt exposures in the folder of the feature models."""
    services = [
        FeatureService(
            name=exposure["name"],
            description=" ".join(exposure["description"].split()),
            owner=exposure["owner"]["name"],
            purpose=exposure["config"]["meta"]["purpose"],
            groups=tuple(re.findall(r"ref\('(\w+)'\)", " ".join(exposure.get("depends_on") or []))),
        )
        for _, document in documents(root)
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


def _group(declaration: Declaration) -> FeatureGroup:
    return FeatureGroup(
        name=declaration.name,
        source=declaration.contract.source,
        description=declaration.description,
        owner=declaration.owner,
        features=tuple(
            _feature(declaration, entity, column) for entity in declaration.entities for column in entity.features
        ),
    )


def _feature(declaration: Declaration, entity: DeclaredEntity, column: FeatureColumn) -> Feature:
    measure, aggregation = column.measure, column.aggregation
    return Feature(
        name=column.name,
        group=declaration.name,
        entity=entity.name,
        measure=measure.name,
        aggregate=aggregation.name,
        window_days=column.window_days,
        is_whole_number=aggregation.is_whole_number,
        description=f"{measure.description}: {aggregation.words} in the last {column.window_days} days.",
        owner=declaration.owner,
        purposes=measure.purposes,
        unit=measure.unit,
        pii_class=_pii_class(entity, column),
    )


def _pii_class(entity: DeclaredEntity, column: FeatureColumn) -> str:
    """The most sensitive class among the contract's columns that the expressions name; at the minimum `internal`."""
    durations = [text for duration in entity.durations for text in (duration.name, duration.since, duration.until)]
    text = " ".join(part for part in (column.measure.value, column.measure.where, entity.where, *durations) if part)
    names = set(re.findall(r"[a-z_][a-z0-9_]*", text))
    classes = {c.classification for c in entity.contract.columns if c.name in names} | {"internal"}
    return max(classes, key=CLASSIFICATIONS.index)

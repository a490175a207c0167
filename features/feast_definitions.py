"""Feast objects made from the catalogue: the entity `person`, a view per feature group, a service per declared use.

Used by `store.apply` and, for `feast apply` and `feast plan`, by feature_repo/definitions.py.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource, Project, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float64, Int64, String

from features.catalogue import Feature, FeatureGroup, load_services, served_groups
from lake.tables import table_uri

PROJECT_NAME = "customer_lake"
#: Snapshots of a first run lie 30 days apart; a value older than this means that the schedule failed.
TTL = timedelta(days=45)

FeastObject = Project | Entity | FeatureView | FeatureService


def feast_objects() -> list[FeastObject]:
    """Everything that the registry should hold: what is declared and has been computed."""
    person = Entity(
        name="person",
        join_keys=["person_id"],
        value_type=ValueType.STRING,
        description="A resolved human; the id is the lake's own and opaque.",
    )
    groups = served_groups()
    views = {group.name: _view(group, person) for group in groups}
    services: list[FeastObject] = []
    for service in load_services():
        chosen = {group.name: [feature.name for feature in service.features_of(group)] for group in groups}
        projections = [views[group][names] for group, names in chosen.items() if names]
        if not projections:
            continue
        services.append(
            FeatureService(
                name=service.name,
                features=projections,
                description=service.description,
                owner=service.owner,
                tags={"purpose": service.purpose or "any"},
            )
        )
    project = Project(name=PROJECT_NAME, description="Features per person, as they were known at any moment.")
    return [project, person, *views.values(), *services]


def _view(group: FeatureGroup, person: Entity) -> FeatureView:
    source = FileSource(
        name=f"{group.name}_table",
        # Absolute: Feast's DuckDB store reads a relative path from wherever the process was started.
        path=table_uri(group.table),
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
        description=group.description,
        owner=group.owner,
    )
    return FeatureView(
        name=group.name,
        entities=[person],
        schema=[Field(name="person_id", dtype=String), *(_field(feature) for feature in group.features)],
        source=source,
        ttl=TTL,
        description=group.description,
        owner=group.owner,
        tags={
            "source": group.source,
            "purposes": _joined({purpose for feature in group.features for purpose in feature.purposes}),
            "pii_classes": _joined({feature.pii_class for feature in group.features}),
        },
    )


def _field(feature: Feature) -> Field:
    return Field(
        name=feature.name,
        dtype=Int64 if feature.is_whole_number else Float64,
        description=feature.description,
        tags={
            "owner": feature.owner,
            "purposes": _joined(feature.purposes),
            "pii_class": feature.pii_class,
            "unit": feature.unit,
        },
    )


def _joined(words: tuple[str, ...] | set[str]) -> str:
    return ",".join(sorted(words))

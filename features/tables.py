"""The catalogue's declarations of the feature tables, derived from the features' own (`features.catalogue`)."""

from pathlib import Path

from contracts.catalogue.declarations import group_owner
from contracts.catalogue.lookup import derives_tables
from contracts.catalogue.table import Table, TableColumn
from contracts.catalogue.zones import FEATURES
from features.catalogue import Feature, FeatureGroup, load_groups
from features.declarations import MODELS_ROOT

#: The columns of every feature table other than its features, by the names that Feast knows.
_KEYS = (
    TableColumn("person_id", "string", "The person.", is_required=True),
    TableColumn("event_timestamp", "timestamp", "The snapshot: what was known at this moment (UTC).", is_required=True),
    TableColumn(
        "created_timestamp",
        "timestamp",
        "The same moment, by which Feast tells versions of a snapshot apart (UTC).",
        is_required=True,
    ),
)


@derives_tables
def feature_tables(root: Path = MODELS_ROOT) -> list[Table]:
    """One table per feature group that a folder declares, its features as columns."""
    return [_table(group) for group in load_groups(root)]


def _table(group: FeatureGroup) -> Table:
    return Table(
        name=group.table,
        grain=group.description,
        owner=group_owner(FEATURES),
        writer=f"dbt_project/models/features/{group.name}.sql",
        read_by=("features",),
        retention="unlimited",
        columns=(*_KEYS, *(_column(feature) for feature in group.features)),
        declared_in=f"dbt_project/models/features/{group.name}.yml",
    )


def _column(feature: Feature) -> TableColumn:
    return TableColumn(
        name=feature.name,
        type="bigint" if feature.is_whole_number else "double",
        meaning=feature.description,
        classification=feature.pii_class,
        unit=feature.unit,
        is_required=feature.is_whole_number,
    )

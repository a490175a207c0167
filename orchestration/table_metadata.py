"""What Dagster shows of a table besides its rows, from the catalogue: columns, place, owner, zone, retention."""

from typing import Any

import dagster as dg

from contracts.catalogue.table import Table, TableColumn
from lake.tables import table_uri


def owners_of(table: Table) -> list[str]:
    """The team that answers for the table, as Dagster writes teams."""
    return [f"team:{table.owner}"]


def zone_tag(table: Table) -> dict[str, str]:
    """Whether modellers may read the table, for selections such as `tag:zone=open`."""
    return {"zone": "restricted" if table.is_restricted else "open"}


def metadata_of(table: Table) -> dict[str, Any]:
    """The table's name and place, its columns, how long rows stay, and where all of it is declared."""
    return {
        "dagster/table_name": table.name,
        "dagster/uri": table_uri(table.name),
        "dagster/column_schema": dg.TableSchema(columns=[_column(column) for column in table.columns]),
        "kept for": table.retention,
        "declared in": table.declared_in,
    }


def _column(column: TableColumn) -> dg.TableColumn:
    unit = {"unit": column.unit} if column.unit else {}
    return dg.TableColumn(
        column.name,
        type=column.type,
        description=column.meaning,
        tags={"classification": column.classification, **unit},
        constraints=dg.TableColumnConstraints(nullable=not column.is_required, unique=column.is_key),
    )

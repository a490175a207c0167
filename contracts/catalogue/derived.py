"""The tables of bronze and quarantine, derived from the contracts of their sources."""

from functools import lru_cache

from contracts.catalogue.column_types import OF_LOGICAL_TYPE, type_word
from contracts.catalogue.declarations import read_columns
from contracts.catalogue.table import Table, TableColumn
from contracts.contract_file import Contract, Entity
from contracts.settings import PROJECT_ROOT

#: What landing adds to every row, in words; its types are `source_contract.LANDING_COLUMNS`.
_LANDED = {
    "record_id": "`<source>:<entity>:<natural key or its token>`.",
    "known_at": "When the source made this version of the row available (UTC).",
    "landed_at": "When the lake took it in (UTC).",
    "batch_id": "The batch that brought it.",
    "source_file": "Where it was read.",
    "content_hash": "Hash of the row as delivered; tells versions of a key apart.",
    "is_deleted": "Whether this version says that the source has deleted the row.",
}
_QUARANTINE = PROJECT_ROOT / "contracts" / "catalogue" / "quarantine.yaml"


def bronze_table(contract: Contract, entity: Entity) -> Table:
    """The table that an entity lands in: its contract's columns and those that landing adds."""
    contracted = [
        TableColumn(
            name=column.name,
            type=OF_LOGICAL_TYPE[column.logical_type],
            meaning=column.description,
            classification=column.classification,
            is_required=column.required,
            is_key=column.primary_key,
        )
        for column in entity.columns
    ]
    landed = [TableColumn(name, type_word(kind), _LANDED[name]) for name, kind in entity.landing_columns]
    return Table(
        name=entity.table,
        grain=entity.grain,
        owner=contract.owner,
        writer="ingestion/landing/batches.py",
        read_by=("dbt_project", "ingestion"),
        retention=f"{entity.retention_days} days",
        columns=(*contracted, *landed),
        declared_in=_declared_in(contract),
        steward=contract.steward,
        is_open_to_text=True,
    )


def quarantine_table(contract: Contract, entity: Entity) -> Table:
    """The table of an entity's rejected records; all of them have the same columns."""
    return Table(
        name=entity.quarantine_table,
        grain=f"One row per record of {contract.source}'s {entity.name} that broke its contract, with the reason.",
        owner=contract.owner,
        writer="ingestion/quarantine/store.py",
        read_by=("ingestion", "web"),
        retention=f"{entity.retention_days} days",
        columns=quarantine_columns(),
        declared_in=_declared_in(contract),
        steward=contract.steward,
    )


@lru_cache
def quarantine_columns() -> tuple[TableColumn, ...]:
    """The columns of every table of quarantine."""
    return read_columns(_QUARANTINE)


def _declared_in(contract: Contract) -> str:
    return f"ingestion/sources/{contract.source}/contract.odcs.yaml"

"""The dbt sources, derived from the contracts: one yml per source, written before dbt parses, never committed.

A contract says everything about a source once; this is its translation into dbt's words (columns, types,
classification, owner, freshness, order of versions). `relation_name` is the name under which dbt finds a bronze table.
"""

from pathlib import Path
from typing import Any

import yaml

from contracts.catalogue.column_types import OF_LOGICAL_TYPE
from contracts.contract_file import Column, Contract, Entity, load_contracts
from contracts.version_order import version_order
from dbt_project.derived_files import write_derived_files

SCHEMA = "bronze"
LANDED = (
    ("record_id", "string", "`<source>:<entity>:<natural key or its token>`."),
    ("known_at", "timestamp", "When the source made this version of the row available (UTC)."),
    ("landed_at", "timestamp", "When the lake took it in (UTC)."),
    ("batch_id", "string", "The batch that brought it."),
    ("source_file", "string", "Where it was read."),
    ("content_hash", "integer", "Hash of the row as delivered; tells versions of a key apart."),
)
DELETED = ("is_deleted", "boolean", "Whether this version says that the source has deleted the row.")


def relation_name(entity: Entity) -> str:
    """Name, in the schema `bronze`, of the view on an entity's bronze table."""
    return f"{entity.source}__{entity.name}"


def write_sources(folder: Path) -> str:
    """Write one yml per source into `folder`.

    An unchanged file is not written. Returns a digest of all files: while it is the same, dbt need not parse again.
    """
    texts = {
        f"_{contract.source}__sources.yml": yaml.safe_dump(
            _document(contract), sort_keys=False, allow_unicode=True, width=120
        )
        for contract in load_contracts()
    }
    return write_derived_files(folder, texts, suffix=".yml")


def _document(contract: Contract) -> dict[str, Any]:
    return {
        "version": 2,
        "sources": [
            {
                "name": contract.source,
                "description": contract.description,
                "schema": SCHEMA,
                "config": {
                    "meta": {
                        "owner": contract.owner,
                        "domain": contract.domain,
                        "purposes": list(contract.purposes),
                        "freshness_hours": contract.freshness.total_seconds() / 3600,
                    }
                },
                "tables": [_table(entity) for entity in contract.entities.values()],
            }
        ],
    }


def _table(entity: Entity) -> dict[str, Any]:
    return {
        "name": entity.name,
        "identifier": relation_name(entity),
        "description": entity.grain,
        "config": {
            "meta": {
                "delta_table": entity.table,
                "record_id_prefix": entity.record_id_prefix,
                "version_order": list(version_order(entity)),
                "deletes": entity.deletes.mode,
                "purposes": list(entity.purposes),
            }
        },
        "columns": [_column(column) for column in entity.columns]
        + [{"name": name, "data_type": kind, "description": text} for name, kind, text in _landed(entity)],
    }


def _landed(entity: Entity) -> list[tuple[str, str, str]]:
    names = {name for name, _ in entity.landing_columns}
    return [landed for landed in (*LANDED, DELETED) if landed[0] in names]


def _column(column: Column) -> dict[str, Any]:
    meta: dict[str, Any] = {"classification": column.classification}
    if column.identifier_kind:
        meta["identifier_kind"] = column.identifier_kind
    return {
        "name": column.name,
        "data_type": OF_LOGICAL_TYPE[column.logical_type],
        "description": column.description,
        "config": {"meta": meta},
    }

"""Writes the staging folder of a source from its contract: the start of a tenth source.

    python -m dbt_project.scaffold <source>

One model per entity and `_<source>__models.yml` (grain, columns, classification of personal ones, tests of keys and
of relations by column name). Existing files are left alone: they are edited by hand from then on, and a test compares
them with the contract. The two `int_` models, which say who an event is about, are written by hand.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from contracts.contract_file import Contract, Entity, load_contract
from contracts.errors import LakeError

STAGING = Path(__file__).resolve().parent / "models" / "staging"

_MODEL = """\
with source as (
    {{{{ latest_versions('{source}', '{entity}') }}}}
)

select * from source
"""
_MODEL_OF_SOMEBODY = """\
with source as (
    {{{{ latest_versions('{source}', '{entity}') }}}}
),

identified as (
    select
        source.*,
        {{{{ person_record_id('{source}', {columns}) }}}} as person_record_id
    from source
)

select * from identified
"""
_IDENTIFYING = ("pii_direct", "pii_quasi", "pii_online")
_ADDED = (
    ("known_at", "When the source made this version available (UTC)."),
    ("first_known_at", "When the source first made the key available (UTC)."),
    ("landed_at", "When the lake took this version in (UTC)."),
    ("batch_id", "The landing that brought this version."),
)


def model_name(entity: Entity) -> str:
    """Name of an entity's staging model."""
    return f"stg_{entity.source}__{entity.name}"


def identity_columns(entity: Entity) -> list[str]:
    """The columns by which a row says who somebody is. Empty where none of them is an identifier or a name."""
    names = [
        c.name
        for c in entity.columns
        if c.identifier_kind or (c.classification in _IDENTIFYING and c.logical_type == "string")
    ]
    columns = [entity.column(name) for name in names]
    return names if any(c.identifier_kind or c.classification == "pii_direct" for c in columns) else []


def write_staging(contract: Contract, root: Path = STAGING) -> list[Path]:
    """Write the missing files of a source's staging folder and return them."""
    folder = root / contract.source
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / f"{model_name(entity)}.sql": _sql(entity) for entity in contract.entities.values()}
    files[folder / f"_{contract.source}__models.yml"] = _yml(contract)
    written = []
    for path, text in files.items():
        if not path.exists():
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _sql(entity: Entity) -> str:
    columns = identity_columns(entity)
    form = _MODEL_OF_SOMEBODY if columns else _MODEL
    return form.format(source=entity.source, entity=entity.name, columns=columns)


def _yml(contract: Contract) -> str:
    key_owner = {e.primary_key[0]: e for e in contract.entities.values() if len(e.primary_key) == 1}
    document = {"version": 2, "models": [_model(contract, entity, key_owner) for entity in contract.entities.values()]}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _model(contract: Contract, entity: Entity, key_owner: dict[str, Entity]) -> dict[str, Any]:
    columns: list[dict[str, Any]] = [
        {"name": "record_id", "description": "Id of the record in the lake.", "data_tests": ["key"]}
    ]
    for column in entity.columns:
        described: dict[str, Any] = {"name": column.name, "description": column.description}
        if column.is_personal:
            described["config"] = {"meta": {"classification": column.classification}}
        parent = key_owner.get(column.name)
        if parent is not None and parent is not entity and not column.primary_key:
            to = f"ref('{model_name(parent)}')"
            described["data_tests"] = [
                {"parent_arrived": {"arguments": {"to": to, "field": column.name}, "config": {"severity": "warn"}}}
            ]
        columns.append(described)
    columns += [{"name": name, "description": text} for name, text in _ADDED]
    if identity_columns(entity):
        columns.append({"name": "person_record_id", "description": "Whom the row is about: key of person_records."})
    return {
        "name": model_name(entity),
        "description": entity.grain,
        "config": {"meta": {"owner": contract.owner}},
        "columns": columns,
    }


def main() -> int:
    """`python -m dbt_project.scaffold <source>…`: prints what it wrote. Returns the exit code."""
    if not sys.argv[1:]:
        print("usage: python -m dbt_project.scaffold SOURCE...", file=sys.stderr)
        return 2
    try:
        contracts = [load_contract(source) for source in sys.argv[1:]]
    except LakeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for contract in contracts:
        written = write_staging(contract)
        for path in written:
            print(f"wrote {path}")
        if not written:
            print(f"{contract.source}: every file of its staging folder is there already; nothing was written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

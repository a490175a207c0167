"""A source's declaration, read from its `contract.odcs.yaml` (Open Data Contract Standard v3) and validated strictly.

Arrow schemas, checks at landing, suites on bronze, PII classes, owners, freshness, dbt sources and Dagster metadata are
all derived from what is read here (`contracts.source_contract`). The standard's own Python model ignores unknown keys;
here they are an error, since a typing error would silently delete a rule.
"""

from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import yaml
from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    OpenDataContractStandard,
    SchemaObject,
    SchemaProperty,
    Server,
)
from pydantic import BaseModel, ValidationError

from contracts.catalogue.table import CLASSIFICATIONS
from contracts.deletes import parse_deletes
from contracts.errors import LakeError
from contracts.logical_types import ARROW_TYPES
from contracts.settings import PROJECT_ROOT, load_settings
from contracts.source_contract import LANDING_COLUMNS, Column, Contract, Entity, OnDrift
from contracts.yaml_text import load_yaml

__all__ = [
    "CLASSIFICATIONS", "IDENTIFIER_KINDS", "LANDING_COLUMNS",
    "Column", "Contract", "ContractError", "Entity", "UnknownSourceError",
    "broken_contracts", "discover_sources", "load_contract", "load_contracts", "parse_contract", "server_options",
    "sources_root",
]  # fmt: skip

SOURCES_ROOT = PROJECT_ROOT / "ingestion" / "sources"
CONTRACT_FILE = "contract.odcs.yaml"

IDENTIFIER_KINDS = (
    "crm_id", "account_id", "email", "phone", "national_id", "loyalty_no", "cookie_id", "device_id",
    "device_serial", "social_handle",
)  # fmt: skip
#: What a server may say beyond the standard, under its `customProperties`: how its transport is to be read.
SERVER_OPTIONS = (
    "paging", "pageRows", "pageParameter", "limitParameter", "tokenUrl", "scope", "replication", "slotPrefix",
    "overlapHours", "encoding",
)  # fmt: skip
DELETES = (
    "none, {mode: soft, column: …} (a boolean or a time of the entity), or compare (also as {mode: compare,"
    " everyHours: …, mostGonePercent: …}); and no other column may be named `is_deleted`"
)
_HOURS = {"h": 1, "hours": 1, "d": 24, "days": 24}


class ContractError(LakeError):
    """A contract cannot be used as written."""

    exit_code = 2


class UnknownSourceError(LakeError):
    """A source was named that has no contract."""

    exit_code = 2


def sources_root() -> Path:
    """The folder of the contracts: this package's, or `LAKE_CONTRACTS`."""
    return load_settings().contracts or SOURCES_ROOT


def discover_sources(root: Path | None = None) -> list[str]:
    """Names of all sources that have a contract, sorted."""
    root = root or sources_root()
    return sorted(path.parent.name for path in root.glob(f"*/{CONTRACT_FILE}"))


def load_contract(source: str, root: Path | None = None) -> Contract:
    """Read and hold a source's contract.

    Raises:
        UnknownSourceError: there is no such source.
        ContractError: the file breaks the standard or our rules; names the place and what was expected.
    """
    root = root or sources_root()
    path = root / source / CONTRACT_FILE
    if not path.exists():
        raise UnknownSourceError(f"unknown source {source!r}", cure=f"use one of: {', '.join(discover_sources(root))}")
    return _parsed(path, path.stat().st_mtime_ns)


@lru_cache
def _parsed(path: Path, changed_ns: int) -> Contract:
    """A file's contract, parsed once for each state of the file: a corrected one holds without a restart."""
    return parse_contract(path.read_text(encoding="utf-8"), str(path))


def load_contracts(root: Path | None = None) -> list[Contract]:
    """All contracts, by name of source."""
    return [load_contract(source, root) for source in discover_sources(root)]


def broken_contracts(root: Path | None = None) -> dict[str, ContractError]:
    """Contracts that cannot be used, by source, with what is wrong with each."""
    broken = {}
    for source in discover_sources(root):
        try:
            load_contract(source, root)
        except ContractError as error:
            broken[source] = error
    return broken


def parse_contract(text: str, where: str) -> Contract:
    """A contract from its YAML text; `where` names it in errors."""
    try:
        raw = load_yaml(text)
        document = OpenDataContractStandard(**raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ContractError(f"{where}: not an ODCS v3 contract: {wrong}", cure="correct the file") from None
    except (yaml.YAMLError, TypeError) as error:
        raise ContractError(f"{where}: not an ODCS v3 contract: {error}", cure="correct the file") from None
    _refuse_unknown_keys(raw, document, where)
    custom = _custom(document.customProperties, where, allowed=("purposes",))
    purposes = tuple(custom.get("purposes") or ())
    if not purposes:
        _fail(where, "customProperties", "a list `purposes` the data may be used for")
    source = document.name or _fail(where, "name", "the name of the source")
    team = document.team
    if team is None or isinstance(team, list) or not team.name or not team.members:
        _fail(where, "team", "a name and at least one member with the role `data owner`")
    for server in document.servers or []:
        _custom(server.customProperties, f"{where}: server {server.server!r}", allowed=SERVER_OPTIONS)
    entities = {
        e.name: e for e in (_entity(s, source=source, purposes=purposes, where=where) for s in document.schema_ or [])
    }
    if not entities:
        _fail(where, "schema", "at least one entity")
    return Contract(
        source=source,
        version=document.version or _fail(where, "version", "a version"),
        domain=document.domain or _fail(where, "domain", "the business domain"),
        description=(document.description and document.description.purpose) or "",
        owner=team.name,
        steward=team.members[0].name or team.name,
        purposes=purposes,
        freshness=_freshness(document, where),
        servers=tuple(document.servers or ()) or _fail(where, "servers", "how the source is reached"),
        entities=entities,
    )


def _entity(schema: SchemaObject, *, source: str, purposes: tuple[str, ...], where: str) -> Entity:
    at = f"{where}: entity {schema.name!r}"
    if not schema.name or not schema.properties:
        _fail(at, "schema", "a name and properties")
    custom = _custom(
        schema.customProperties, at,
        allowed=("purposes", "knownAt", "watermark", "deletes", "onDrift", "retentionDays"),
    )  # fmt: skip
    columns = tuple(_column(p, at) for p in schema.properties)
    names = {c.name for c in columns}
    if len({name for column in columns for name in column.names}) < sum(len(column.names) for column in columns):
        _fail(at, "properties", "each column once, by name and by physicalName")
    for name in sorted(names & {n for n, _ in LANDING_COLUMNS}):
        _fail(at, name, "another name: landing adds a column of this one")
    if not any(c.primary_key for c in columns):
        _fail(at, "primaryKey", "at least one property with `primaryKey: true`")
    if "event_at" not in names:
        _fail(at, "event_at", "a timestamp column `event_at`")
    for key in ("knownAt", "watermark"):
        if custom.get(key) is not None and custom[key] not in names:
            _fail(at, key, f"one of the columns, not {custom[key]!r}")
    return Entity(
        source=source,
        name=schema.name,
        physical_name=schema.physicalName or schema.name,
        grain=schema.dataGranularityDescription or schema.description or "",
        columns=columns,
        known_at=custom.get("knownAt"),
        watermark=custom.get("watermark"),
        deletes=parse_deletes(custom.get("deletes", "none"), {c.name: c.logical_type for c in columns})
        or _fail(at, "deletes", DELETES),
        on_drift=OnDrift(_one_of(custom.get("onDrift", OnDrift.ADD), allowed=tuple(OnDrift), where=at, key="onDrift")),
        retention_days=int(custom.get("retentionDays", 3650)),
        purposes=tuple(custom.get("purposes") or purposes),
    )


def _column(prop: SchemaProperty, where: str) -> Column:
    at = f"{where}, column {prop.name!r}"
    if not prop.name:
        _fail(at, "name", "a name")
    options = prop.logicalTypeOptions or {}
    for option in sorted(set(options) - {"pattern", "minimum", "maximum"}):
        _fail(at, f"logicalTypeOptions.{option}", "pattern, minimum or maximum")
    allowed: tuple[str, ...] = ()
    severity = "block"
    for rule in prop.quality or []:
        allowed, severity = _known_values(rule, at)
    custom = _custom(prop.customProperties, at, allowed=("identifierKind", "purposes"))
    kind = custom.get("identifierKind")
    return Column(
        name=prop.name,
        logical_type=_one_of(prop.logicalType, allowed=tuple(ARROW_TYPES), where=at, key="logicalType"),
        description=prop.description or prop.name.replace("_", " ").capitalize() + ".",
        required=bool(prop.required or prop.primaryKey),
        primary_key=bool(prop.primaryKey),
        classification=_one_of(prop.classification, allowed=CLASSIFICATIONS, where=at, key="classification"),
        identifier_kind=None
        if kind is None
        else _one_of(kind, allowed=IDENTIFIER_KINDS, where=at, key="identifierKind"),
        pattern=options.get("pattern"),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        allowed=allowed,
        severity=severity,
        physical_name=prop.physicalName,
    )


def _known_values(rule: DataQuality, where: str) -> tuple[tuple[str, ...], str]:
    values = (rule.arguments or {}).get("validValues")
    if rule.metric != "invalidValues" or not values or rule.mustBe != 0:
        _fail(where, "quality", "metric `invalidValues` with `validValues` and `mustBe: 0`")
    return tuple(str(v) for v in values), _one_of(
        rule.severity or "block", allowed=("block", "warn"), where=where, key="severity"
    )


def _freshness(document: OpenDataContractStandard, where: str) -> timedelta:
    for sla in document.slaProperties or []:
        if sla.property == "freshness" and sla.unit in _HOURS and isinstance(sla.value, int | float | str):
            return timedelta(hours=float(sla.value) * _HOURS[sla.unit])
    _fail(where, "slaProperties", "a property `freshness` with a value and the unit h or d")


def server_options(server: Server) -> dict[str, Any]:
    """What a server of a contract says under `customProperties`, by name."""
    return {p.property: p.value for p in server.customProperties or [] if p.property}


def _custom(properties: list[CustomProperty] | None, where: str, *, allowed: tuple[str, ...]) -> dict[str, Any]:
    values = {p.property: p.value for p in properties or [] if p.property}
    for name in sorted(set(values) - set(allowed)):
        _fail(where, f"customProperties.{name}", f"one of {', '.join(allowed)}")
    return values


def _refuse_unknown_keys(raw: Any, parsed: Any, where: str) -> None:
    """Compare what was written with what the model took; a key that it dropped is an error."""
    if isinstance(parsed, BaseModel) and isinstance(raw, dict):
        fields = {f.alias or name: name for name, f in type(parsed).model_fields.items()}
        for key, value in raw.items():
            if key not in fields:
                raise ContractError(f"{where}: unknown key {key!r}", cure="correct its spelling or remove it")
            _refuse_unknown_keys(value, getattr(parsed, fields[key]), f"{where}: {key}")
    elif isinstance(parsed, list) and isinstance(raw, list):
        for number, (value, item) in enumerate(zip(raw, parsed, strict=True)):
            named = value.get("name") if isinstance(value, dict) else None
            _refuse_unknown_keys(value, item, f"{where}[{named or number}]")


def _one_of(value: Any, *, allowed: tuple[str, ...], where: str, key: str) -> str:
    return str(value) if value in allowed else _fail(where, key, f"one of {', '.join(allowed)}, not {value!r}")


def _fail(where: str, key: str, expected: str) -> NoReturn:
    raise ContractError(f"{where}: `{key}` should be {expected}", cure="correct the contract")

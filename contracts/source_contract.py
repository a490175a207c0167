"""What a contract says, as objects: source, entity, column. Read from the file by `contracts.contract_file`."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import pyarrow as pa
from open_data_contract_standard.model import Server

from contracts.catalogue.tables import bronze_name, quarantine_name
from contracts.deletes import IS_DELETED, Deletes
from contracts.logical_types import ARROW_TYPES, TIMESTAMP

#: What landing adds to every row. `event_at` is a column of every contract.
LANDING_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("record_id", pa.string()),
    ("known_at", TIMESTAMP),
    ("landed_at", TIMESTAMP),
    ("batch_id", pa.string()),
    ("source_file", pa.string()),
    ("content_hash", pa.int64()),
)


class OnDrift(StrEnum):
    """What landing does with a column that the contract does not have (`onDrift`).

    `add` keeps it in bronze as text, `ignore` leaves it out, `block` lands nothing of that shape.
    """

    ADD = "add"
    IGNORE = "ignore"
    BLOCK = "block"


@dataclass(frozen=True)
class Column:
    """One column of an entity. Ranges are inclusive; `allowed` is a closed set; `pattern` a regular expression."""

    name: str
    logical_type: str
    description: str
    required: bool = False
    primary_key: bool = False
    classification: str = "internal"
    identifier_kind: str | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    severity: str = "block"
    physical_name: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the column may be called in the source: as in the contract, or by its `physicalName`."""
        other = self.physical_name
        return (self.name,) if other is None or other == self.name else (self.name, other)

    def name_in(self, there: Collection[str]) -> str:
        """Its name among the columns of a source; the contract's where it is not there."""
        return next((name for name in self.names if name in there), self.name)

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column in bronze."""
        return ARROW_TYPES[self.logical_type]

    @property
    def is_personal(self) -> bool:
        """Whether the value is personal data of any class."""
        return self.classification.startswith("pii_")


@dataclass(frozen=True)
class Entity:
    """One table of a source. `physical_name` is a table, a glob below the source's folder, or an endpoint."""

    source: str
    name: str
    physical_name: str
    grain: str
    columns: tuple[Column, ...]
    known_at: str | None
    watermark: str | None
    deletes: Deletes
    on_drift: OnDrift
    retention_days: int
    purposes: tuple[str, ...]

    @property
    def table(self) -> str:
        """Name of the bronze table."""
        return bronze_name(self.source, self.name)

    @property
    def quarantine_table(self) -> str:
        """Name of the table of rejected records."""
        return quarantine_name(self.source, self.name)

    @property
    def record_id_prefix(self) -> str:
        """What every record_id of this entity begins with; the natural key, or its token, follows."""
        return f"{self.source}:{self.name}:"

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the columns of the natural key."""
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def landing_columns(self) -> tuple[tuple[str, pa.DataType], ...]:
        """What landing adds to the entity's rows: `is_deleted` only where the contract speaks of deletes."""
        names = {column.name for column in self.columns}
        is_added = self.deletes.are_known and IS_DELETED not in names
        return (*LANDING_COLUMNS, (IS_DELETED, pa.bool_())) if is_added else LANDING_COLUMNS

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        return next((c for c in self.columns if c.name == name), None) or _missing(name)

    def source_schema(self) -> pa.Schema:
        """What the source delivers: the contract's columns."""
        return pa.schema([pa.field(c.name, c.arrow_type) for c in self.columns])

    def bronze_schema(self) -> pa.Schema:
        """What bronze holds: the contract's columns and those that landing adds."""
        return pa.schema([*self.source_schema(), *(pa.field(n, t) for n, t in self.landing_columns)])


@dataclass(frozen=True)
class Contract:
    """One source: who owns it, how it is reached, how fresh it has to be, what it delivers."""

    source: str
    version: str
    domain: str
    description: str
    owner: str
    steward: str
    purposes: tuple[str, ...]
    freshness: timedelta
    servers: tuple[Server, ...]
    entities: dict[str, Entity]

    def server(self, environment: str) -> Server:
        """The server for `embedded` or `services`; a source that has no second one keeps its first."""
        return next((s for s in self.servers if s.server == environment), self.servers[0])


def _missing(name: str) -> Column:
    raise KeyError(name)

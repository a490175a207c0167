"""Rows in the shape of a contract, with the hidden columns that carry the truth along until it is split off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from contracts.contract_file import Contract, Entity
from contracts.logical_types import TIMESTAMP
from infra.sandbox.rows.draw import DAY, Ints, stamps

#: Number of the person a row is about in the world, -1 for nobody (robots, sensors of a branch).
PERSON = "_person"
#: What sort of row it is: `first`, `update`, `correction`, `late`, `double` or `bad`.
KIND = "_kind"
#: Day on which the source delivers it, in days since 1970: names the drop file, and orders what `advance` releases.
RELEASED = "_day"
#: Of bad rows: why (a reason code of landing) and the column whose raw value is of the wrong type, if that is why.
REASON, RAW = "_reason", "_raw"
HIDDEN = (PERSON, KIND, RELEASED, REASON, RAW)


@dataclass
class Shaped:
    """Tables of one system by entity, while they are being made."""

    contract: Contract
    tables: dict[str, list[pa.Table]] = field(default_factory=dict)

    def add(
        self, name: str, *, person: Ints, delivered: Ints, columns: Mapping[str, object], kind: str = "first"
    ) -> None:
        """Add rows of an entity. Columns that are not given are null; the contract says the order and the types."""
        table = shaped(self.contract.entities[name], person=person, delivered=delivered, columns=columns, kind=kind)
        self.tables.setdefault(name, []).append(table)

    def __iter__(self) -> Iterator[tuple[Entity, pa.Table]]:
        for name, entity in self.contract.entities.items():
            parts = self.tables.get(name)
            if parts:
                yield entity, pa.concat_tables(parts).combine_chunks()


def shaped(
    entity: Entity, *, person: Ints, delivered: Ints, columns: Mapping[str, object], kind: str = "first"
) -> pa.Table:
    """One table in the shape of the contract and the hidden columns."""
    size = len(person)
    available = {"delivered_at": delivered, "updated_at": delivered, **columns}
    arrays: dict[str, pa.Array] = {}
    for column in entity.columns:
        arrays[column.name] = _as_array(available.get(column.name), column.arrow_type, size)
    unknown = set(columns) - set(arrays)
    if unknown:
        raise ValueError(f"{entity.source}.{entity.name} has no columns {sorted(unknown)}")
    arrays[PERSON] = pa.array(person, pa.int64())
    arrays[KIND] = pa.repeat(pa.scalar(kind), size)
    arrays[RELEASED] = pa.array((np.asarray(delivered) // DAY).astype(np.int32))
    arrays[REASON] = pa.nulls(size, pa.string())
    arrays[RAW] = pa.nulls(size, pa.string())
    return pa.table(arrays)


def at_rows(columns: Mapping[str, Any], rows: Ints) -> dict[str, object]:
    """The given rows of arrays kept by name; a single value for all rows stays as it is."""
    columns_by_name: dict[str, object] = {}
    for name, value in columns.items():
        if isinstance(value, np.ndarray):
            columns_by_name[name] = value[rows]
        else:
            columns_by_name[name] = value.take(pa.array(rows)) if isinstance(value, pa.Array) else value
    return columns_by_name


def _as_array(value: object, kind: pa.DataType, size: int) -> pa.Array:
    if value is None:
        return pa.nulls(size, kind)
    if isinstance(value, str | bool | int | float):
        return pa.repeat(pa.scalar(value, kind), size)
    if isinstance(value, np.ndarray) and kind == TIMESTAMP:
        return stamps(value)
    array = value if isinstance(value, pa.Array) else pa.array(value)
    return array if array.type == kind else array.cast(kind)


def microseconds(column: pa.ChunkedArray) -> Ints:
    """A timestamp column as microseconds since 1970 (nulls as 0)."""
    return np.asarray(column.cast(pa.int64()).fill_null(0).to_numpy(), dtype=np.int64)


def is_database(entity: Entity) -> bool:
    """Whether the system is a database that shows only the last version of a row."""
    return entity.watermark is not None


def replaced(table: pa.Table, name: str, values: object) -> pa.Table:
    """The table with one column's values replaced, in its own type."""
    place = table.schema.get_field_index(name)
    field_type = table.schema.field(name).type
    array = stamps(values) if isinstance(values, np.ndarray) and field_type == TIMESTAMP else values
    array = array if isinstance(array, pa.Array | pa.ChunkedArray) else pa.array(array, field_type)
    return table.set_column(place, name, array)

"""What an engine calls the types of the lake's tables: DuckDB in queries, Spark in dbt's yml.

One map, from the logical types of `contracts.logical_types` (or the Arrow types of the tables) to the words of both.
`dbt_project/macros/engine/types.sql` turns Spark's words into DuckDB's inside dbt, which cannot call Python; a test
holds it to this module.
"""

from dataclasses import dataclass

import pyarrow as pa

from contracts.catalogue.column_types import OF_LOGICAL_TYPE
from contracts.logical_types import ARROW_TYPES
from lake.sql.text import quoted


@dataclass(frozen=True)
class EngineTypes:
    """One type: as DuckDB's `describe` prints it, and as Spark and dbt's yml write it."""

    duckdb: str
    spark: str


_DUCKDB = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
}
#: The catalogue declares columns in Spark's words.
ENGINE_TYPES = {name: EngineTypes(_DUCKDB[name], word) for name, word in OF_LOGICAL_TYPE.items()}
_BY_ARROW_TYPE = {arrow_type: ENGINE_TYPES[name] for name, arrow_type in ARROW_TYPES.items()} | {
    pa.int32(): EngineTypes("INTEGER", "int"),
    pa.int16(): EngineTypes("SMALLINT", "smallint"),
    pa.int8(): EngineTypes("TINYINT", "tinyint"),
    pa.float32(): EngineTypes("FLOAT", "float"),
    pa.binary(): EngineTypes("BLOB", "binary"),
    pa.timestamp("us"): EngineTypes("TIMESTAMP", "timestamp_ntz"),
    pa.large_string(): ENGINE_TYPES["string"],
}


def duckdb_type(kind: str | pa.DataType) -> str:
    """DuckDB's name of a logical type or an Arrow type, written as its `describe` writes it.

    Raises:
        ValueError: it is neither a logical type nor an Arrow type of the lake's tables.
    """
    if isinstance(kind, str):
        return _named(kind).duckdb
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        fields = (f"{quoted(field.name)} {duckdb_type(field.type)}" for field in kind)
        return f"STRUCT({', '.join(fields)})"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _plain(kind).duckdb


def dbt_type(kind: str | pa.DataType) -> str:
    """What dbt's yml and Spark call a logical type or an Arrow type.

    Raises:
        ValueError: it is neither a logical type nor an Arrow type of the lake's tables.
    """
    if isinstance(kind, str):
        return _named(kind).spark
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{dbt_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{dbt_type(field.type)}' for field in kind)}>"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return _plain(kind).spark


def typed_null(kind: str | pa.DataType) -> str:
    """DuckDB's SQL of a null of a type: `cast(null as BIGINT)`."""
    return f"cast(null as {duckdb_type(kind)})"


def _named(logical_type: str) -> EngineTypes:
    if logical_type not in ENGINE_TYPES:
        raise ValueError(f"{logical_type!r} is none of the logical types {', '.join(ENGINE_TYPES)}")
    return ENGINE_TYPES[logical_type]


def _plain(arrow_type: pa.DataType) -> EngineTypes:
    if arrow_type not in _BY_ARROW_TYPE:
        raise ValueError(f"no table of the lake has columns of the Arrow type {arrow_type}")
    return _BY_ARROW_TYPE[arrow_type]

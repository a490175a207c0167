"""What DuckDB calls the types of the lake's tables: one map from logical types and Arrow types to its words.

What the catalogue, dbt's yml and Spark call them is `contracts.catalogue.column_types`.
`dbt_project/macros/engine/types.sql` turns those words into DuckDB's inside dbt, which cannot call Python; a test
compares it with this module.
"""

import pyarrow as pa

from contracts.logical_types import ARROW_TYPES
from lake.sql.text import quoted

#: The logical types as DuckDB's `describe` prints them.
DUCKDB_TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
}
_BY_ARROW_TYPE = {arrow_type: DUCKDB_TYPES[name] for name, arrow_type in ARROW_TYPES.items()} | {
    pa.int32(): "INTEGER",
    pa.int16(): "SMALLINT",
    pa.int8(): "TINYINT",
    pa.float32(): "FLOAT",
    pa.binary(): "BLOB",
    pa.timestamp("us"): "TIMESTAMP",
    pa.large_string(): DUCKDB_TYPES["string"],
}


def duckdb_type(kind: str | pa.DataType) -> str:
    """DuckDB's name of a logical type or an Arrow type, written as its `describe` writes it.

    Raises:
        ValueError: it is neither a logical type nor an Arrow type of the lake's tables.
    """
    if isinstance(kind, str):
        return _named(kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        fields = (f"{quoted(field.name)} {duckdb_type(field.type)}" for field in kind)
        return f"STRUCT({', '.join(fields)})"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _plain(kind)


def typed_null(kind: str | pa.DataType) -> str:
    """DuckDB's SQL of a null of a type: `cast(null as BIGINT)`."""
    return f"cast(null as {duckdb_type(kind)})"


def _named(logical_type: str) -> str:
    if logical_type not in DUCKDB_TYPES:
        raise ValueError(f"{logical_type!r} is none of the logical types {', '.join(DUCKDB_TYPES)}")
    return DUCKDB_TYPES[logical_type]


def _plain(arrow_type: pa.DataType) -> str:
    if arrow_type not in _BY_ARROW_TYPE:
        raise ValueError(f"no table of the lake has columns of the Arrow type {arrow_type}")
    return _BY_ARROW_TYPE[arrow_type]

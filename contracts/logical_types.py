"""The types that a contract and the catalogue may name, and the Arrow type of each in the lake's tables.

DuckDB's names are in `lake.sql.types`; those of the catalogue, of dbt's yml and of Spark in `catalogue.column_types`.
"""

import pyarrow as pa

#: An instant: microseconds since 1970, UTC. The only type of a time in the lake's tables.
TIMESTAMP = pa.timestamp("us", tz="UTC")

ARROW_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": TIMESTAMP,
    "date": pa.date32(),
}

#: What a source may declare a column of each logical type as, in the words of the connectors; a value that is not
#: exactly of the logical type is rejected alone.
SOURCE_KINDS: dict[str, frozenset[str]] = {
    "string": frozenset({"text"}),
    "integer": frozenset({"whole number", "number", "text"}),
    "number": frozenset({"whole number", "number", "text"}),
    "boolean": frozenset({"boolean", "whole number", "text"}),
    "timestamp": frozenset({"time", "date", "text"}),
    "date": frozenset({"time", "date", "text"}),
}


def logical_type(arrow_type: pa.DataType) -> str:
    """The logical type whose Arrow type this is. ValueError where no logical type has it."""
    for name, own in ARROW_TYPES.items():
        if own == arrow_type:
            return name
    raise ValueError(f"{arrow_type} is the Arrow type of none of {', '.join(ARROW_TYPES)}")

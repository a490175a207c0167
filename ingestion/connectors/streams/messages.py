"""A broker's messages as records: one JSON document each, or several as a JSON array or as JSON Lines.

What is none of these stays one line as it came, and is rejected as unreadable like any other.
"""

from collections.abc import Sequence

import pyarrow as pa

from ingestion.connectors.drops.lines import as_text

_SCHEMA = pa.schema(
    [
        ("payload", pa.string()),
        ("is_escaped", pa.bool_()),
        ("source_file", pa.string()),
        ("source_position", pa.int64()),
    ]
)

#: The first line of a document that is written over several lines is no document; that of JSON Lines is one.
_LINES = r"list_filter(string_split_regex(payload, '\r?\n'), lambda l: trim(l) <> '')"
_RECORDS = f"""case
    when is_escaped then [payload]
    when payload[1] = '[' and json_valid(payload) and json_array_length(payload) > 0
        then from_json(payload::json, '["JSON"]')::varchar[]
    when contains(payload, chr(10)) and not json_valid(payload) and json_valid(({_LINES})[1])
        then {_LINES}
    else [payload] end"""


def table(payloads: Sequence[bytes], places: Sequence[str], positions: Sequence[int | None]) -> pa.Table:
    """Messages as a connector registers them; a position is the offset, None where the broker gives none."""
    texts = [as_text(payload) for payload in payloads]
    columns = [[text for text, _ in texts], [is_escaped for _, is_escaped in texts], list(places), list(positions)]
    return pa.table(dict(zip(_SCHEMA.names, columns, strict=True)), schema=_SCHEMA)


def records(view: str) -> str:
    """SQL of the records in a view of messages: `line`, `is_escaped`, `source_file`, `source_position`."""
    return f"select unnest({_RECORDS}) as line, is_escaped, source_file, source_position from {view}"

"""A broker's messages as records: one JSON document each, or several as a JSON array or as JSON Lines.

What is none of these stays one line as it came, and is refused as unreadable like any other.
"""

import pyarrow as pa

#: Messages as a connector registers them; `source_position` is the offset, null where the broker gives none.
SCHEMA = pa.schema([("payload", pa.string()), ("source_file", pa.string()), ("source_position", pa.int64())])

#: The first line of a document that is written over several lines is no document; that of JSON Lines is one.
_LINES = r"list_filter(string_split_regex(payload, '\r?\n'), lambda l: trim(l) <> '')"
_RECORDS = f"""case
    when payload[1] = '[' and json_valid(payload) and json_array_length(payload) > 0
        then from_json(payload::json, '["JSON"]')::varchar[]
    when contains(payload, chr(10)) and not json_valid(payload) and json_valid(({_LINES})[1])
        then {_LINES}
    else [payload] end"""


def text(payload: bytes | bytearray) -> str:
    """A payload as text; what is not UTF-8 stays readable, and is no JSON."""
    return payload.decode("utf-8", errors="backslashreplace")


def records(view: str) -> str:
    """SQL of the records in a view of messages: `line`, `source_file`, `source_position`."""
    return f"select unnest({_RECORDS}) as line, source_file, source_position from {view}"

"""The id of a person record under its two names: `person_record_id` in the lake, `record_id` in the matcher's tables.

The matcher's input and output are files that people hand to `lake identity resolve`, whose columns stay as they are.
Everything that passes between the lake and `identity.matching` as Arrow goes through here.
"""

import pyarrow as pa

_MATCHER_NAMES = {
    "person_record_id": "record_id",
    "person_record_id_l": "record_id_l",
    "person_record_id_r": "record_id_r",
}
_LAKE_NAMES = {name: own for own, name in _MATCHER_NAMES.items()}


def to_matcher(table: pa.Table) -> pa.Table:
    """A table of the lake with the ids of person records under the matcher's names; other columns as they are."""
    return table.rename_columns([_MATCHER_NAMES.get(name, name) for name in table.column_names])


def from_matcher(table: pa.Table) -> pa.Table:
    """A table of the matcher with the ids of person records under the lake's names; other columns as they are."""
    return table.rename_columns([_LAKE_NAMES.get(name, name) for name in table.column_names])

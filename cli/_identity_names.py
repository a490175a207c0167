"""The names under which `lake identity` gives and takes ids of person records: `record_id`, as files have them.

Inside the lake the same id is `person_record_id`; this is where one becomes the other.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

_INNER, _OUTER = "person_record_id", "record_id"


def outer_document(value: Any) -> Any:
    """A JSON document with `record_id`, `record_id_l` and `record_id_r` in place of the lake's names, at any depth."""
    if isinstance(value, dict):
        return {_outer_name(key): outer_document(item) for key, item in value.items()}
    if isinstance(value, list):
        return [outer_document(item) for item in value]
    return value


def read_by_record(path: "Path", what: str, option: str) -> "pa.Table":
    """The table in a Parquet file whose rows are named by `record_id`; a table of the lake, which names them by
    `person_record_id`, is taken as well.

    Raises:
        GivenFileError: see `cli._files.read`.
    """
    from cli._files import read

    table = read(path, what, option)
    if _OUTER in table.column_names:
        return table
    return table.rename_columns([_OUTER if name == _INNER else name for name in table.column_names])


def _outer_name(key: str) -> str:
    return _OUTER + key.removeprefix(_INNER) if key in (_INNER, f"{_INNER}_l", f"{_INNER}_r") else key

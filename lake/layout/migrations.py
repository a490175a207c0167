"""The steps from one layout of the lake to the next, which `lake.layout` runs in their order (ADR 33).

A step names tables and columns as they were when it was written, not as the code names them now: later changes must not
change what it does to an old lake. It changes each table in commits that are complete in themselves, and passes over
a table that it has changed already; a step that was killed is run again from its beginning.
"""

from collections.abc import Callable
from typing import Any

from lake.crash_points import crash_point
from lake.landing_state import as_metadata, read_state
from lake.writer import Commit, rename_columns

_ID = {"record_id": "person_record_id"}
_PAIR = {"record_id_l": "person_record_id_l", "record_id_r": "person_record_id_r"}
#: Layout 3 names the id of a person record person_record_id; record_id is the id of a source's row in bronze.
_RENAMED_IN_3 = {
    "identity/person_records": _ID,
    "identity/person_links": _ID,
    "identity/person_labels": _PAIR,
    "identity/person_reviews": _PAIR,
    "identity/person_index": _ID,
}
#: The index says by a hash of its columns which code can continue it: the hash with the old names, and with the new.
_INDEX_COLUMNS = {"896e400d": "f151528d"}

#: Where a test may stop the process (`LAKE_CRASH_AT`), in the order of the work.
CRASH_POINTS = (*(f"migration.{name}" for name in _RENAMED_IN_3), "migration.before_layout")


def _to_3() -> None:
    for name, columns in _RENAMED_IN_3.items():
        state = _state_in_3(read_state(name))
        rename_columns(name, columns, commit=Commit(metadata=as_metadata(state) if state else {}))
        crash_point(f"migration.{name}")


def _state_in_3(state: dict[str, Any]) -> dict[str, Any]:
    """The state that rides in a table's commits; only the index's says anything of its columns."""
    made_by, slash, columns = str(state.get("made_by", "")).rpartition("/")
    return state | ({"made_by": made_by + slash + _INDEX_COLUMNS[columns]} if columns in _INDEX_COLUMNS else {})


#: Steps by the version that they start from; each leaves the lake one version newer.
MIGRATIONS: dict[int, Callable[[], None]] = {2: _to_3}

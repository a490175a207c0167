"""The scratch tables that the steps of an incremental resolution hand on to each other, declared once with columns.

Two connections are in play: the lake's (`NOW` to `CANDIDATES`) and the matcher's (`PART` to `NOTED`, besides those of
`identity.matching.tables`). `LABEL_HASHES` and `GONE` are passed from the one to the other. A table that one module
alone makes and drops is declared in that module.
"""

from identity.matching.tables import LAKE_SIZES, PEOPLE
from lake.sql.scratch import ScratchTable

_ID = {"person_record_id": "VARCHAR"}
#: What `PEOPLE` says of a record, without the names that only one connection gives it.
PEOPLE_COLUMNS = {name: kind for name, kind in PEOPLE.columns.items() if name not in ("rid", "record_id")}
_HOLDINGS = {"holdings": "STRUCT(kind VARCHAR, value VARCHAR)[]"}
_NAMED = {"name": "BIGINT", "profile": "BIGINT", "is_somebody": "BOOLEAN"}

#: The person records of the lake as they are now; `row_hash`: of what the matcher reads.
NOW = ScratchTable("now", {**_ID, "row_hash": "BIGINT"})
#: What people judged of each record.
LABEL_HASHES = ScratchTable("label_hashes", {**_ID, "label_hash": "BIGINT"})
#: The index: which records a run must look at, without their values.
HELD = ScratchTable(
    "held",
    {
        **_ID, "row_hash": "BIGINT", "label_hash": "BIGINT", "neighbourhood": "BIGINT", "profile": "BIGINT",
        "name": "BIGINT", "is_somebody": "BOOLEAN", "keys": "BIGINT[]",
    },
)  # fmt: skip
#: Records that are new, changed or judged anew.
FRESH_IDS = ScratchTable("fresh_ids", dict(_ID))
#: Records of the index that were deleted or are no longer as they were.
GONE = ScratchTable("gone", dict(_ID))
#: Keys of a fresh record; `value_keys`: by which records are neighbours at once; `loose_keys`: that hold among few.
_KEYS = {"keys": "BIGINT[]", "value_keys": "BIGINT[]", "loose_keys": "BIGINT[]"}
#: Fresh records in comparable form with their keys.
FRESH_ROWS = ScratchTable("fresh_rows", {**_ID, **PEOPLE_COLUMNS, **_HOLDINGS, **_NAMED, **_KEYS})
#: Of fresh records, what `HELD` says of the others.
FRESH = ScratchTable("fresh", {**_ID, **_NAMED, **_KEYS})
#: One row per key in question and record, of the index (`is_held`, with its neighbourhood) or fresh. `is_staying`:
#: the record is as it was.
SHOWN = ScratchTable(
    "shown",
    {**_ID, **_NAMED, "key": "BIGINT", "neighbourhood": "BIGINT", "is_held": "BOOLEAN", "is_staying": "BOOLEAN"},
)
#: Sizes of the keys in question without the fresh records.
SIZES_AFTER = ScratchTable("sizes_after", dict(LAKE_SIZES.columns))
#: The neighbourhoods to be resolved again.
REACHED = ScratchTable("reached", {"neighbourhood": "BIGINT"})
#: Pairs of a fresh record and one of the index that are judged, to see whether a tie reaches its neighbourhood.
CANDIDATES = ScratchTable("candidates", {"fresh": "VARCHAR", "held": "VARCHAR"})
#: Records of the lake as the matcher takes them from the index; `crowded` and `guarded`: keys that too many share.
PART = ScratchTable("part", {**_ID, **PEOPLE_COLUMNS, **_HOLDINGS, "crowded": "BIGINT[]", "guarded": "BIGINT[]"})
#: The hash of each record, as `NOW`.
HASHES = ScratchTable("hashes", dict(NOW.columns))
#: What the index keeps of a record besides its values and keys.
NOTED = ScratchTable(
    "noted", {"rid": "BIGINT", "neighbourhood": "BIGINT", "row_hash": "BIGINT", "label_hash": "BIGINT"}
)

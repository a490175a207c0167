"""The scratch tables that the steps of a resolution hand on to each other, declared once with their columns.

A table that one module alone makes and drops is declared in that module. `rid` is a record's place in the order of
`record_id`, `pid` the first `rid` of a profile: the records that say the same of somebody.
"""

from lake.sql.scratch import ScratchTable

#: One row per record: what is compared of it. `is_somebody`: it names a person; `is_labelled`: a person judged it.
PEOPLE = ScratchTable(
    "people",
    {
        "rid": "BIGINT", "record_id": "VARCHAR", "source": "VARCHAR", "is_somebody": "BOOLEAN",
        "is_labelled": "BOOLEAN", "name_key": "VARCHAR", "given": "VARCHAR", "family": "VARCHAR", "hanzi": "VARCHAR",
        "hanzi_once": "VARCHAR", "pet": "VARCHAR", "pet_letters": "VARCHAR", "nicknames": "BIGINT[]",
        "generation": "VARCHAR", "parts": "VARCHAR[]", "birth": "DATE", "birth_year": "BIGINT", "birth_text": "VARCHAR",
        "gender": "VARCHAR", "email": "VARCHAR", "phone": "VARCHAR", "national_id": "VARCHAR",
        "id_is_checked": "BOOLEAN", "street": "VARCHAR", "house": "VARCHAR", "city": "VARCHAR", "postcode": "VARCHAR",
        "issued": "VARCHAR[]",
    },
)  # fmt: skip
#: Every identifier that a record holds, each once.
HOLDINGS = ScratchTable("holdings", {"rid": "BIGINT", "kind": "VARCHAR", "value": "VARCHAR"})
#: Dates that forms fill in.
DEFAULT_DATES = ScratchTable("default_dates", {"birth": "DATE"})
#: Rare mail hosts that are a slip for a common one.
HOST_SLIPS = ScratchTable("host_slips", {"host": "VARCHAR", "meant": "VARCHAR"})

#: Pairs that a person judged, l < r.
LABELLED = ScratchTable("labelled", {"l": "BIGINT", "r": "BIGINT", "is_same": "BOOLEAN"})
#: Of records that name somebody, the profile; `profile` is a hash of what it says.
PROFILE_OF = ScratchTable("profile_of", {"rid": "BIGINT", "pid": "BIGINT", "profile": "BIGINT"})
#: Keys of the values that a record holds; `rule` is the number of the kind, -1 for those of similar e-mails.
VALUE_KEYS = ScratchTable("value_keys", {"rid": "BIGINT", "rule": "INTEGER", "key": "BIGINT"})
#: Sizes of keys among all records of the lake, where the records at hand are a part of them.
LAKE_SIZES = ScratchTable("lake_sizes", {"key": "BIGINT", "records": "BIGINT", "names": "BIGINT", "profiles": "BIGINT"})
#: Values that too many records share, with an example (a record_id); they tie nobody.
GUARDED = ScratchTable(
    "guarded",
    {
        "kind": "VARCHAR", "value": "VARCHAR", "reason": "VARCHAR", "records": "BIGINT", "names": "BIGINT",
        "example": "VARCHAR",
    },
)  # fmt: skip
#: The holdings that are not guarded.
USABLE = ScratchTable("usable", dict(HOLDINGS.columns))
#: What is compared of people. Splink reads the table through a connection of its own making.
COMPARED = (
    "name_key", "given", "family", "hanzi", "hanzi_once", "pet", "pet_letters", "nicknames", "generation", "birth",
    "birth_year", "birth_text", "gender", "email", "phone", "national_id", "id_is_checked", "street", "house", "city",
    "postcode", "issued",
)  # fmt: skip
PROFILES = ScratchTable(
    "profiles", {"pid": "BIGINT", **{name: PEOPLE.columns[name] for name in COMPARED}}, is_temporary=False
)
#: `keys` has a bit per rule, more than 63 of them where a source has many kinds of identifiers.
_KEYS = "BIGINT | HUGEINT"
#: Profiles that are compared, l < r.
PAIRS = ScratchTable("pairs", {"l": "BIGINT", "r": "BIGINT", "keys": _KEYS})
#: Profiles in crowded blocks, with the block's key.
FILLED = ScratchTable("filled", {"pid": "BIGINT", "key": "BIGINT"})
#: What the model says of each pair: `score` describes the columns.
SCORED = ScratchTable(
    "scored",
    {
        "l": "BIGINT", "r": "BIGINT", "keys": _KEYS, "weight": "DOUBLE", "evidence": "DOUBLE",
        "is_housemates": "BOOLEAN",
    },
    prefixes={"gamma_": "TINYINT", "weight_": "DOUBLE"},
)  # fmt: skip
#: What is said of each pair in the end: `ties` describes the columns.
JUDGED = ScratchTable(
    "judged",
    {
        **SCORED.columns, "kind": "VARCHAR", "is_tie": "BOOLEAN", "is_labelled": "BOOLEAN",
        "is_contradiction": "BOOLEAN", "says_more": "BOOLEAN", "parts_bits": "DOUBLE",
    },
    prefixes=dict(SCORED.prefixes),
)  # fmt: skip
#: Ties that were not followed, and why.
REJECTED = ScratchTable("rejected", {"l": "BIGINT", "r": "BIGINT", "reason": "VARCHAR"})
#: The ties that hold each person together.
EDGES = ScratchTable(
    "edges",
    {"left_rid": "BIGINT", "right_rid": "BIGINT", "rule": "VARCHAR", "strength": "DOUBLE"},
    prefixes={"weight_": "DOUBLE"},
)


def frequency_table(column: str) -> ScratchTable:
    """The table of how frequent the values of a compared column are: `tf` is the share of profiles that show one."""
    return ScratchTable(f"tf_{column}", {column: PEOPLE.columns[column], "tf": "DOUBLE"})

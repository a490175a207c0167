"""Records of somebody -> their links: the pipeline's own matcher on any table, and an id for every person.

`person_records -> person_links` · `lake identity resolve --input records.parquet --output links.parquet`
"""

import pyarrow as pa

from identity.links.person_ids import Mint, assign_ids
from identity.matching.resolve import Matching, match

LINKS = pa.schema(
    [
        ("record_id", pa.string()),
        ("person_id", pa.string()),
        ("match_kind", pa.string()),
        ("match_strength", pa.float64()),
    ]
)


def resolve(
    records: pa.Table | Matching,
    *,
    previous: pa.Table | None = None,
    taken: pa.Array | None = None,
    mint: Mint | None = None,
) -> pa.Table:
    """Who each record is: `LINKS`, exactly one row per record, in the order of record_id.

    Args:
        records: as for `match`, or its result.
        previous: `record_id`, `person_id`, `born_at` of the current links; ids are carried over from them.
        taken: ids that were ever given out; none is given out again.
        mint: where new ids come from; random unless seeded.
    """
    matching = records if isinstance(records, Matching) else match(records)
    ids = assign_ids(matching.record_ids, matching.component, previous=previous, taken=taken, mint=mint)
    return matching.links.add_column(1, "person_id", ids).cast(LINKS)

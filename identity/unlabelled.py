"""What the matcher makes of the labelled records by itself: the grouping that the gate judges. Pure.

Labels beat the matcher, so links made with them agree with them whatever it has become. Only the neighbourhoods of
labelled records are resolved again, with what was counted over all records: what is further away changes nothing.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity.model import PersonModel
from identity.resolve import Matching, match

GROUPING = pa.schema([("record_id", pa.string()), ("component", pa.int64())])


def without_labels(
    records: pa.Table, matching: Matching, labels: pa.Table, *, model: PersonModel | None = None
) -> pa.Table:
    """The labelled records and those near them as the matcher alone would group them, `GROUPING`.

    Args:
        records: what `matching` was made of; more than its records is fine.
        matching: the result with the labels.
        labels: `identity.labels.IN_FORCE`.
        model: the model that `matching` was made by.
    """
    judged = pa.chunked_array([*labels["record_id_l"].chunks, *labels["record_id_r"].chunks], pa.string())
    is_judged = pc.is_in(matching.record_ids, value_set=judged.combine_chunks()).to_numpy(zero_copy_only=False)
    if not is_judged.any():
        return GROUPING.empty_table()
    is_near = np.isin(matching.neighbourhood, matching.neighbourhood[is_judged])
    near = matching.record_ids.filter(pa.array(is_near))
    alone = match(
        records.filter(pc.is_in(records["record_id"], value_set=near)), model=model, statistics=matching.statistics
    )
    return pa.table([alone.record_ids, pa.array(alone.component, pa.int64())], schema=GROUPING)

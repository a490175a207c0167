"""How the matcher groups the labelled records without their labels: the grouping that the gate measures. Pure.

Labels beat the matcher, so links made with them agree with them however wrong the matcher is. Only the neighbourhoods
of labelled records are resolved again, with the counts over all records: records further away change nothing.
"""

import pyarrow as pa

from identity.matching.comparable.statistics import Statistics
from identity.matching.pairs.person_model import PersonModel
from identity.matching.resolve import match

GROUPING = pa.schema([("record_id", pa.string()), ("component", pa.int64())])


def without_labels(near: pa.Table, statistics: Statistics, *, model: PersonModel | None = None) -> pa.Table:
    """The labelled records and those near them as the matcher alone would group them, `GROUPING`.

    Args:
        near: the records of the neighbourhoods that labelled records are in.
        statistics: the counts over all records.
        model: the model that the links are made by.
    """
    if not near.num_rows:
        return GROUPING.empty_table()
    alone = match(near, model=model, statistics=statistics)
    return pa.table([alone.record_ids, pa.array(alone.component, pa.int64())], schema=GROUPING)

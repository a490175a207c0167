"""How the rows of a window become one value. Each aggregation is written once, here.

An aggregation's SQL is in DuckDB's dialect with `:value` where the measure's value stands; `features.compile` parses
it, adds which rows count, and writes it for either engine. Nothing here imports sqlglot: every command reads the
catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Aggregation:
    """One way to make a single value of many rows.

    Attributes:
        name: as a declaration and the name of a feature say it.
        words: as a description says it.
        sql: the aggregate function over a person's rows.
        is_whole_number: the value is a bigint, never null; otherwise it is a double.
        is_zero_without_rows: the value for a person with no rows in the window is 0; otherwise it is null.
        needs_value: the measure has to declare a `value`.
    """

    name: str
    words: str
    sql: str
    is_whole_number: bool = False
    is_zero_without_rows: bool = False
    needs_value: bool = True


_ALL = (
    Aggregation("count", "number", "count(*)", is_whole_number=True, is_zero_without_rows=True, needs_value=False),
    Aggregation(
        "distinct", "different ones", "count(distinct :value)", is_whole_number=True, is_zero_without_rows=True
    ),
    Aggregation("sum", "total", "sum(cast(:value as double))", is_zero_without_rows=True),
    Aggregation("avg", "average", "avg(cast(:value as double))"),
    Aggregation("min", "least", "min(cast(:value as double))"),
    Aggregation("max", "most", "max(cast(:value as double))"),
    Aggregation("stddev", "standard deviation", "stddev_samp(cast(:value as double))"),
    Aggregation("share", "share", "avg(case when :value then 1.0e0 else 0.0e0 end)"),
    # Rows of one `event_at` are put in an order by their id, so that the last one is the same on every run.
    Aggregation(
        "last",
        "last one",
        "max_by(cast(:value as double), struct_pack(event_at := event_at, record_id := record_id))",
    ),
)
#: By name.
AGGREGATIONS: Mapping[str, Aggregation] = {aggregation.name: aggregation for aggregation in _ALL}

"""Compare what a lake counted with what the systems really produced. Plain functions; they read `truth/` only.

    produced = landed + quarantined + exact duplicates, for every source and entity

holds when the lake ran after `create` and after each `advance`. A replay from quarantine moves rows from
`quarantined` to `landed`; reconcile before it.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa

from lake.landing_state import Counted

MEASURES = ("received", "landed", "quarantined", "doubled")
DIFFERENCES = pa.schema(
    [
        ("source", pa.string()),
        ("entity", pa.string()),
        ("measure", pa.string()),
        ("truth", pa.int64()),
        ("lake", pa.int64()),
    ]
)


def produced(root: Path) -> pa.Table:
    """What was produced so far: source, entity and the four measures as a faultless lake would count them."""
    with duckdb.connect() as connection:
        return connection.execute(
            """select source, entity, sum(rows)::bigint as received,
                      sum(rows - bad_rows - exact_doubles)::bigint as landed,
                      sum(bad_rows)::bigint as quarantined, sum(exact_doubles)::bigint as doubled
               from read_parquet($file) group by source, entity order by source, entity""",
            {"file": str(root / "truth" / "produced.parquet")},
        ).to_arrow_table()


def differences(root: Path, counters: Iterable[Counted]) -> pa.Table:
    """Every measure in which the lake's counters differ from the truth; no rows where all reconcile.

    Returns a table with the schema `DIFFERENCES`. An entity that one side does not know counts as nought there.
    """
    truth = {(row["source"], row["entity"]): row for row in produced(root).to_pylist()}
    lake = {(counted.source, counted.entity): counted for counted in counters}
    unequal = []
    for source, entity in sorted(truth.keys() | lake.keys()):
        for measure in MEASURES:
            expected = int(truth[source, entity][measure]) if (source, entity) in truth else 0
            counted = int(getattr(lake[source, entity], measure)) if (source, entity) in lake else 0
            if expected != counted:
                unequal.append(
                    {"source": source, "entity": entity, "measure": measure, "truth": expected, "lake": counted}
                )
    return pa.Table.from_pylist(unequal, DIFFERENCES)


def quarantined_by_reason(root: Path) -> dict[tuple[str, str], int]:
    """How many rows each source broke, by reason code: what quarantine must hold."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "select source, reason, count(*) from read_parquet($file) group by all order by all",
            {"file": str(root / "truth" / "bad_rows.parquet")},
        ).fetchall()
    return {(source, reason): count for source, reason, count in rows}

"""Compare the people that a lake found with the people there are. Plain functions; they read `truth/` only.

What the figures mean, and how they are counted, is `identity.quality.evaluate`.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from identity.quality.evaluate import figures


@dataclass(frozen=True)
class Score:
    """How well people were found. `records` are those that the truth gives to somebody and the lake to somebody.

    Attributes:
        persons: people the lake found among those records; `true_persons`: people they really belong to.
        over_merged: found people who are really several; `split`: true people who were found as several.
        unresolved: records of somebody that the lake gave to nobody.
    """

    precision: float
    recall: float
    f1: float
    records: int
    persons: int
    true_persons: int
    over_merged: int
    split: int
    unresolved: int


def from_record_ids(table: pa.Table, record_id: str = "record_id", person_id: str = "person_id") -> pa.Table:
    """A table of `<source>:<entity>:<key>` and person -> source, entity, natural_key, person_id."""
    with duckdb.connect() as connection:
        connection.register("given", table)
        return connection.execute(
            f"""select split_part("{record_id}", ':', 1) as source, split_part("{record_id}", ':', 2) as entity,
                       array_to_string(split("{record_id}", ':')[3:], ':') as natural_key,
                       "{person_id}" as person_id from given"""
        ).to_arrow_table()


def score(root: Path, found: pa.Table, *, sources: list[str] | None = None) -> Score:
    """Compare `found` (source, entity, natural_key, person_id; null where unresolved) with `truth/records.parquet`.

    Args:
        sources: only records of these sources; default all. Bad rows never reach a person and are left out.
    """
    with duckdb.connect() as connection:
        connection.register("found", found)
        connection.execute(
            """create temp table both_sides as
               select t.person as truth, any_value(f.person_id) as person_id
               from (
                   select distinct source, entity, natural_key, person from read_parquet($file)
                   where person is not null and row_kind <> 'bad'
                     and ($sources is null or list_contains($sources, source))
               ) t
               join found f using (source, entity, natural_key)
               group by source, entity, natural_key, t.person""",
            {"file": str(root / "truth" / "records.parquet"), "sources": sources},
        )
        unresolved = connection.execute("select count(*) from both_sides where person_id is null").fetchone()
        of = figures(connection, "(from both_sides where person_id is not null)")
    assert unresolved is not None
    return Score(
        precision=of.precision,
        recall=of.recall,
        f1=of.f1,
        records=of.records,
        persons=of.persons,
        true_persons=of.true_persons,
        over_merged=of.over_merged,
        split=of.split,
        unresolved=unresolved[0],
    )

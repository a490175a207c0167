"""Hold the people that a lake found against the people there are. Plain functions; they read `truth/` only.

Pairwise precision and recall (Christen 2012, Data Matching, 7.2): of all pairs of records that the lake gives to one
person, how many belong together; of all pairs that belong together, how many it found.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa


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
               select t.person, any_value(f.person_id) as person_id
               from (
                   select distinct source, entity, natural_key, person from read_parquet($file)
                   where person is not null and row_kind <> 'bad'
                     and ($sources is null or list_contains($sources, source))
               ) t
               join found f using (source, entity, natural_key)
               group by source, entity, natural_key, t.person""",
            {"file": str(root / "truth" / "records.parquet"), "sources": sources},
        )
        row = connection.execute(
            """
            with cells as (
                select person, person_id, count(*) as n from both_sides where person_id is not null group by all
            ),
            by_found as (select person_id, sum(n) as n, count(*) as people from cells group by 1),
            by_truth as (select person, sum(n) as n, count(*) as found from cells group by 1)
            select
                (select coalesce(sum(n * (n - 1) / 2), 0) from cells),
                (select coalesce(sum(n * (n - 1) / 2), 0) from by_found),
                (select coalesce(sum(n * (n - 1) / 2), 0) from by_truth),
                (select coalesce(sum(n), 0) from cells),
                (select count(*) from by_found),
                (select count(*) from by_truth),
                (select count(*) from by_found where people > 1),
                (select count(*) from by_truth where found > 1),
                (select count(*) from both_sides where person_id is null)
            """
        ).fetchone()
    assert row is not None
    together, claimed, true = (float(value) for value in row[:3])
    precision = together / claimed if claimed else 1.0
    recall = together / true if true else 1.0
    return Score(
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        records=int(row[3]),
        persons=row[4],
        true_persons=row[5],
        over_merged=row[6],
        split=row[7],
        unresolved=row[8],
    )

"""How well records were linked, compared with the truth: pairs, clusters and B-cubed, for all and by group. Pure.

Every figure comes from the table of cells (linked person x true person -> records), never from pairs: a person of
10,000 records is one row and not fifty million. Measured: 10,000,000 records take 27 s of processor time and 1.9 GB
besides their own memory.

    pairs     Christen 2012, Data Matching, 7.2: of all pairs of records that are linked to one person, how many
              belong together (precision); of all pairs that belong together, how many are linked (recall)
    clusters  Menestrina, Whang and Garcia-Molina 2010, Evaluating entity resolution results: the same of whole
              persons; one is right where it has exactly the records of a true person
    B-cubed   Bagga and Baldwin 1998, Algorithms for scoring coreference chains: for each record, the share of the
              records of its linked person that are of its true person (precision), and the reverse (recall), averaged

Where nothing is linked nothing is wrong: precision is 1. Where no two records belong together, recall is 1.
"""

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.errors import LakeError
from identity.matching.engine import scratch
from identity.matching.person_records import WRITE_AS_UTF_8, is_sound
from lake.sql.rows import single_row
from lake.sql.scratch import ANY_TYPE, Computation, ScratchTable

#: A column with more values than this does not group people: bands of age do, ages in days do not.
MAX_GROUPS = 200
_NINETY_FIVE_PER_CENT = 1.959964

_LINKS = ScratchTable("links", {"record_id": "VARCHAR", "person_id": "VARCHAR"})
_TRUTH = ScratchTable("truth", {"record_id": "VARCHAR", "truth": "VARCHAR"})
#: The groups of a record, by their numbers (`_place`).
_GROUPS = ScratchTable("groups", {"record_id": "VARCHAR"})
#: Records that both have; `record_id` only where there are groups.
_SHARED = ScratchTable("shared", {"person_id": "VARCHAR", "truth": "VARCHAR"}, prefixes={"record_id": "VARCHAR"})
_BOTH_SIDES = ScratchTable("both_sides", dict(_SHARED.columns), prefixes=dict(_SHARED.prefixes))
_COMPARE = Computation("compare links with the truth", reads=(_LINKS, _TRUTH), inner=(_BOTH_SIDES, _SHARED))
#: Records by cell and value; ids and values have the types of the query that is measured.
_PARTS = ScratchTable("parts", {"g": "BIGINT"}, prefixes=dict.fromkeys(("person_id", "truth", "value"), ANY_TYPE))
_MEASURE = Computation("measure links", inner=(_PARTS,))
_COMPARE_GROUPS = replace(_COMPARE, name="compare links with the truth by group", reads=(_LINKS, _TRUTH, _GROUPS))


class EvaluationError(LakeError):
    """A table of links, truth or groups cannot be used as such."""

    exit_code = 2


@dataclass(frozen=True)
class Figures:
    """How well the people among `records` were linked.

    Of a group: pairs with at least one of its records, persons with at least one, B-cubed over its records alone.

    Attributes:
        persons: people of the links; `true_persons`: people of the truth.
        precision, recall, f1: of pairs.
        cluster_precision, cluster_recall, cluster_f1: of whole persons.
        b_cubed_precision, b_cubed_recall, b_cubed: of records; `b_cubed` is the F1 of the two.
        over_merged: linked people who are really several; `over_merged_share` of `persons`.
        split: true people who are linked as several; `split_share` of `true_persons`.
    """

    records: int
    persons: int
    true_persons: int
    precision: float
    recall: float
    f1: float
    cluster_precision: float
    cluster_recall: float
    cluster_f1: float
    b_cubed_precision: float
    b_cubed_recall: float
    b_cubed: float
    over_merged: int
    over_merged_share: float
    split: int
    split_share: float


_OF_NO_RECORDS = Figures(
    records=0, persons=0, true_persons=0, precision=1.0, recall=1.0, f1=1.0,
    cluster_precision=1.0, cluster_recall=1.0, cluster_f1=1.0,
    b_cubed_precision=1.0, b_cubed_recall=1.0, b_cubed=1.0,
    over_merged=0, over_merged_share=0.0, split=0, split_share=0.0,
)  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """The figures of all records, of each value of each group column (None: not known), and what was left out.

    Attributes:
        unresolved: records that are linked to nobody. truth_unknown: records whose truth is not known.
        links_without_truth, truth_without_links: records that only one of the two tables has.
    """

    all: Figures
    unresolved: int
    truth_unknown: int
    links_without_truth: int
    truth_without_links: int
    groups: dict[str, dict[str | None, Figures]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As one flat document, with the groups as lists below `groups`."""
        left_out = {
            name: getattr(self, name)
            for name in ("unresolved", "truth_unknown", "links_without_truth", "truth_without_links")
        }
        groups = {
            column: [{"value": value, **asdict(figures)} for value, figures in by_value.items()]
            for column, by_value in self.groups.items()
        }
        return {**asdict(self.all), **left_out, "groups": groups}


def evaluate(links: pa.Table, truth: pa.Table, groups: pa.Table | None = None) -> Evaluation:
    """Compare links with the truth.

    Args:
        links: `record_id`, `person_id` (null: linked to nobody).
        truth: `record_id`, `truth` (null: not known).
        groups: `record_id` and any columns; each value of each is measured by itself, so that they can be compared.

    Raises:
        EvaluationError: a column is missing, a table is empty, an id is null or a duplicate, a group has too many
            values, or the two tables have no record in common.
    """
    with scratch() as con:
        _take(con, name="links", table=links, wanted=["person_id"])
        _take(con, name="truth", table=truth, wanted=["truth"])
        columns = _take(con, name="groups", table=groups, wanted=None) if groups is not None else []
        with (_COMPARE_GROUPS if columns else _COMPARE).on(con) as step:
            step.make(
                _SHARED,
                f"select {'record_id,' if columns else ''} person_id, truth from links join truth using (record_id)",
            )
            shared, unresolved, unknown = single_row(
                con,
                "select count(*), count(*) filter (person_id is null), count(*) filter (truth is null) from shared",
            )
            if not shared:
                raise EvaluationError(
                    "links and truth have no record_id in common",
                    cure="give the truth of the same records: the record_id of both files must be written alike",
                )
            step.make_view(_BOTH_SIDES, "from shared where person_id is not null and truth is not null")
            return Evaluation(
                all=figures(con, "both_sides"),
                unresolved=unresolved,
                truth_unknown=unknown,
                links_without_truth=links.num_rows - shared,
                truth_without_links=truth.num_rows - shared,
                groups={column: _by_group(con, column, _place(number)) for number, column in enumerate(columns)},
            )


def figures(con: duckdb.DuckDBPyConnection, relation: str) -> Figures:
    """The figures of a relation with one row per record: `person_id` and `truth`, neither null."""
    by_value = _measure(con, f"select person_id, truth, true as value from {relation}", "value")
    return by_value.get(True, _OF_NO_RECORDS)


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share that was observed as `right` of `of` (Wilson 1927); 0 to 1 for no observation.

    Unlike the plain normal interval it holds for few cases and for shares near one (Brown, Cai and DasGupta 2001).
    """
    if of == 0:
        return 0.0, 1.0
    z, share = _NINETY_FIVE_PER_CENT, right / of
    middle = share + z * z / (2 * of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    # At the ends the bound is the share itself; floats would miss it by a hair.
    low = 0.0 if right == 0 else (middle - half) / (1 + z * z / of)
    return low, 1.0 if right == of else (middle + half) / (1 + z * z / of)


def f1(precision: float, recall: float) -> float:
    """The harmonic mean of the two; 0 where both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _by_group(con: duckdb.DuckDBPyConnection, column: str, place: str) -> dict[str | None, Figures]:
    valued = f"select person_id, truth, {place} as value from both_sides left join groups using (record_id)"
    return _measure(con, valued, column)


def _measure(con: duckdb.DuckDBPyConnection, valued: str, column: str) -> dict[Any, Figures]:
    """Figures per `value` of a query that gives person_id, truth and value of each record.

    n: records of a cell, person or truth; g: those of them in the group. Of n records with g in the group,
    n (n - 1) / 2 - (n - g) (n - g - 1) / 2 = g (2 n - g - 1) / 2 pairs have at least one record in it.
    """
    with _MEASURE.on(con) as step:
        step.make(
            _PARTS,
            f"select person_id, truth, value, count(*) as g from ({valued}) group by person_id, truth, value",
        )
        (values,) = single_row(con, "select count(distinct value) from parts")
        if values > MAX_GROUPS:
            raise EvaluationError(
                f"group column {column} has {values:,} values, which is no group",
                cure=f"give at most {MAX_GROUPS} values: bands instead of numbers, years instead of days",
            )
        rows = con.execute(
            """with cells as (select person_id, truth, sum(g)::bigint as n from parts group by 1, 2),
                    persons as (select person_id, sum(n)::bigint as n, count(*) as cells from cells group by 1),
                    truths as (select truth, sum(n)::bigint as n, count(*) as cells from cells group by 1),
                    whole_cells as (
                        select c.person_id, c.truth, c.n, p.n as of_person, t.n as of_truth
                        from cells c join persons p using (person_id) join truths t using (truth)),
                    of_cells as (
                        select value, sum(g) as records, sum(g * (2 * n - g - 1) // 2) as together,
                               sum(g * n / of_person) as b_precision, sum(g * n / of_truth) as b_recall,
                               count(*) filter (n = of_person and n = of_truth) as exact
                        from parts join whole_cells using (person_id, truth) group by value),
                    of_persons as (
                        select value, count(*) as persons, count(*) filter (cells > 1) as over_merged,
                               sum(g * (2 * n - g - 1) // 2) as linked
                        from (select person_id, value, sum(g)::bigint as g from parts group by 1, 2)
                            join persons using (person_id)
                        group by value),
                    of_truths as (
                        select value, count(*) as persons, count(*) filter (cells > 1) as split,
                               sum(g * (2 * n - g - 1) // 2) as pairs
                        from (select truth, value, sum(g)::bigint as g from parts group by 1, 2)
                            join truths using (truth)
                        group by value)
               select c.value, records, together, b_precision, b_recall, exact, p.persons, over_merged, linked,
                      t.persons, split, pairs
               from of_cells c join of_persons p on c.value is not distinct from p.value
                   join of_truths t on c.value is not distinct from t.value
               order by records desc, c.value"""
        ).fetchall()
    names = (
        "records", "together", "b_precision", "b_recall", "exact", "persons", "over_merged", "linked", "true_persons",
        "split", "pairs",
    )  # fmt: skip
    return {value: _figures(**dict(zip(names, counts, strict=True))) for value, *counts in rows}


def _figures(
    *, records: int, together: int, b_precision: float, b_recall: float, exact: int,
    persons: int, over_merged: int, linked: int, true_persons: int, split: int, pairs: int,
) -> Figures:  # fmt: skip
    """Figures from the counts of one group.

    Args:
        together: pairs of one linked and one true person; linked: pairs of one linked, pairs: of one true person.
        b_precision, b_recall: sums of the shares of each record.
        exact: linked persons that are exactly a true one.
    """
    precision, recall = _share(together, linked), _share(together, pairs)
    clusters = exact / persons, exact / true_persons
    b_cubed = min(b_precision / records, 1.0), min(b_recall / records, 1.0)
    return Figures(
        records=int(records),
        persons=persons,
        true_persons=true_persons,
        precision=precision,
        recall=recall,
        f1=f1(precision, recall),
        cluster_precision=clusters[0],
        cluster_recall=clusters[1],
        cluster_f1=f1(*clusters),
        b_cubed_precision=b_cubed[0],
        b_cubed_recall=b_cubed[1],
        b_cubed=f1(*b_cubed),
        over_merged=over_merged,
        over_merged_share=over_merged / persons,
        split=split,
        split_share=split / true_persons,
    )


def _share(part: int, whole: int) -> float:
    return int(part) / int(whole) if whole else 1.0


def _take(con: duckdb.DuckDBPyConnection, *, name: str, table: pa.Table, wanted: list[str] | None) -> list[str]:
    """View `name`: record_id and the wanted columns as text; where None, all others by their numbers (`_place`).

    Returns the names of the columns.
    """
    columns = [column for column in table.column_names if column != "record_id"] if wanted is None else wanted
    missing = [column for column in ("record_id", *columns) if column not in table.column_names]
    if missing or not columns:
        raise EvaluationError(
            f"the table of {name} lacks the column(s) {', '.join(missing) or 'to group by'}; "
            f"there are {', '.join(table.column_names) or 'none'}",
            cure=f"give record_id and {', '.join(columns) or 'one column per group'}",
        )
    if table.num_rows == 0:
        raise EvaluationError(f"the table of {name} is empty", cure="give at least one record")
    # A group may have any name, also one that a table here has, or an empty one.
    places = ["record_id", *(columns if wanted else map(_place, range(len(columns))))]
    readable = [_readable(table[column], column, name) for column in ("record_id", *columns)]
    con.register(f"given_{name}", pa.table(readable, names=places))
    con.execute(f"create view {name} as select cast(columns(*) as varchar) from given_{name}")
    # Hashes first, at half the cost: as many of them as rows prove that no id is a duplicate.
    empty, hashes = single_row(con, f"select count(*) - count(record_id), count(distinct hash(record_id)) from {name}")
    if not empty and hashes == table.num_rows:
        return columns
    (distinct,) = single_row(con, f"select count(distinct record_id) from {name}")
    duplicates = table.num_rows - empty - distinct
    if empty or duplicates:
        raise EvaluationError(
            f"the table of {name} has rows without a record_id ({empty:,}) or with one seen before ({duplicates:,})",
            cure="give exactly one row per record",
        )
    return columns


def _place(number: int) -> str:
    return f"group_{number}"


def _readable(column: pa.ChunkedArray, name: str, whose: str) -> pa.ChunkedArray:
    """A column that the engine can write as text. Numbers with gaps arrive from pandas as floats, whose gaps are NaN:
    those are null here, and whole numbers are written without a point, as in a file without gaps."""
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), None, column)
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid:
            return column
    if not is_sound(column):
        raise EvaluationError(f"column {name} of the {whose} holds text that is not UTF-8", cure=WRITE_AS_UTF_8)
    return column

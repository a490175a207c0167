"""How good the links are, run by run: `ops/identity_quality`, from the labels of people. Counts and shares only.

One row per run for all labelled pairs (`group_name` "all") and one per value of each group of people, so that linkage
error can be compared between them and over time. `identity.quality.gate` says what the figures mean.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from contracts.catalogue.tables import IDENTITY_QUALITY, PERSON_LINKS, PERSON_RECORDS
from contracts.logical_types import TIMESTAMP
from identity.matching.comparable.values import birth_date_sql, gender_sql
from identity.quality.gate import Gate, PrecisionError, check_precision, judge, judge_by_group
from lake import clock
from lake.sql.connections import connect
from lake.tables import scan, table_exists
from lake.writer import append

ALL = "all"
PASSED, BLOCKED = "passed", "blocked"
SCHEMA = pa.schema(
    [
        ("measured_id", pa.string()),
        ("ran_at", TIMESTAMP),
        ("run", pa.int64()),
        ("state", pa.string()),
        ("group_name", pa.string()),
        ("group_value", pa.string()),
        ("labelled_pairs", pa.int64()),
        ("claimed", pa.int64()),
        ("right", pa.int64()),
        ("same", pa.int64()),
        ("precision", pa.float64()),
        ("precision_low", pa.float64()),
        ("precision_high", pa.float64()),
        ("recall", pa.float64()),
        ("recall_low", pa.float64()),
        ("recall_high", pa.float64()),
        ("persons", pa.int64()),
        ("open_reviews", pa.int64()),
    ]
)

Groups = dict[str, dict[str, str | None]]
ByGroup = dict[str, dict[str | None, Gate]]


@dataclass(frozen=True)
class Quality:
    """A run's figures of all labelled pairs; a share is None where no pair contributes to it."""

    ran_at: datetime
    run: int
    state: str
    labelled_pairs: int
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    persons: int
    open_reviews: int


def check_against_labels(grouping: pa.Table, labels: pa.Table, *, run: int, persons: int, open_reviews: int) -> Gate:
    """Measure a run's grouping, store the figures, and stop the run where they are below the agreed precision.

    Called before the links are written, so that a run that is stopped leaves them as they were.

    Args:
        grouping: `person_record_id`, `component`: what the matcher makes of the labelled records and those around them
            by itself, without the labels.
        labels: `identity.review.labels.read_labels()`.
        persons, open_reviews: of the grouping that is to be published.

    Raises:
        PrecisionError: see `identity.quality.gate.check_precision`; the figures are stored all the same.
    """
    rejection: PrecisionError | None = None
    try:
        gate = check_precision(grouping, labels)
    except PrecisionError as error:
        rejection, gate = error, error.gate
    row = {
        "measured_id": f"{time.time_ns():020d}",  # sorts: the lake's clock may stand still
        "ran_at": clock.now(),
        "run": run,
        "state": BLOCKED if rejection else PASSED,
        "persons": persons,
        "open_reviews": open_reviews,
    }
    of_all: ByGroup = {ALL: {ALL: gate}}
    by_group = of_all | judge_by_group(grouping, labels, groups_of(_records_of(labels)))
    rows = [
        row | {"group_name": group, "group_value": value} | _figures(of_value)
        for group, values in by_group.items()
        for value, of_value in values.items()
    ]
    append(IDENTITY_QUALITY, pa.Table.from_pylist(rows, schema=SCHEMA))
    if rejection:
        raise rejection
    return gate


def judge_published(labels: pa.Table) -> tuple[Gate, ByGroup]:
    """What the labels say of the links as they stand in the lake, for all and by group of people."""
    grouping = _published(_records_of(labels))
    return judge(grouping, labels), judge_by_group(grouping, labels, groups_of(_records_of(labels)))


def history(most: int = 30) -> list[Quality]:
    """The newest runs that resolved, oldest first."""
    if not table_exists(IDENTITY_QUALITY):
        return []
    with connect() as con:
        rows = con.execute(
            f"""select ran_at, run, state, labelled_pairs, precision, precision_low, precision_high, recall, persons,
                    open_reviews
                from (select *, row_number() over (order by measured_id desc) as age
                      from {scan(IDENTITY_QUALITY)} where group_name = '{ALL}')
                where age <= ? order by age desc""",
            [most],
        ).fetchall()
    return [Quality(*row) for row in rows]


def groups_of(record_ids: Iterable[str]) -> Groups:
    """The groups of people that the records themselves show: gender, age band today, script of the name.

    A group's value is None where the record does not say.
    """
    wanted = pa.table({"person_record_id": pa.array(sorted(set(record_ids)), pa.string())})
    if not wanted.num_rows or not table_exists(PERSON_RECORDS):
        return {}
    name = "concat(full_name, given_name, family_name)"
    with connect() as con:
        con.register("asked", wanted)
        rows = con.execute(
            f"""with shown as (
                    select person_record_id, {gender_sql("gender")} as gender,
                           date_sub('year', {birth_date_sql("birth_date", "updated_at")}, ?::date) as age,
                           case when regexp_matches({name}, '\\p{{Han}}') then 'Han'
                                when regexp_matches({name}, '\\p{{Latin}}') then 'Latin'
                                when regexp_matches({name}, '\\p{{L}}') then 'other' end as script
                    from {scan(PERSON_RECORDS)} semi join asked using (person_record_id))
                select person_record_id, gender, case when age < 18 then 'under 18' when age < 30 then '18 to 29'
                           when age < 45 then '30 to 44' when age < 60 then '45 to 59' when age < 75 then '60 to 74'
                           when age is not null then '75 and over' end as age_band, script
                from shown""",
            [clock.today()],
        ).fetchall()
    names = ("gender", "age_band", "script")
    return {name: {row[0]: row[place] for row in rows} for place, name in enumerate(names, 1)}


def _records_of(labels: pa.Table) -> list[str]:
    return [*labels["person_record_id_l"].to_pylist(), *labels["person_record_id_r"].to_pylist()]


def _published(record_ids: list[str]) -> pa.Table:
    """The links of some records as a grouping."""
    if not table_exists(PERSON_LINKS):
        return pa.table({"person_record_id": pa.array([], pa.string()), "component": pa.array([], pa.int64())})
    with connect() as con:
        con.register("asked", pa.table({"person_record_id": pa.array(sorted(set(record_ids)), pa.string())}))
        return con.sql(
            f"""select person_record_id, dense_rank() over (order by person_id) as component
                from {scan(PERSON_LINKS)} semi join asked using (person_record_id) where valid_to is null"""
        ).to_arrow_table()


def _figures(gate: Gate) -> dict[str, float | int | None]:
    is_claimed, is_same = gate.precision is not None, gate.recall is not None
    precision, recall = gate.precision_interval, gate.recall_interval
    return {
        "labelled_pairs": gate.pairs,
        "claimed": gate.claimed,
        "right": gate.right,
        "same": gate.same,
        "precision": gate.precision,
        "precision_low": precision[0] if is_claimed else None,
        "precision_high": precision[1] if is_claimed else None,
        "recall": gate.recall,
        "recall_low": recall[0] if is_same else None,
        "recall_high": recall[1] if is_same else None,
    }

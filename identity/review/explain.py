"""Why records are one person: the ties among a person's records, compared anew by the model and the lake's own counts.

Nothing of this is stored: a person has few records, so they are compared when somebody asks. Values are those that the
matcher compares, in comparable form, and only for those who may see them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from contracts.catalogue.tables import PERSON_LINKS, PERSON_RECORDS, PERSON_STATISTICS
from identity.links.matcher_columns import from_matcher, to_matcher
from identity.links.person_index import read_statistics
from identity.matching.comparable.normalise import normalise
from identity.matching.comparable.statistics import Statistics
from identity.matching.engine import scratch
from identity.matching.pairs.person_model import PersonModel, load_model
from identity.matching.person_records import read_records
from identity.matching.resolve import match_people
from identity.review.labels import read_labels
from identity.review.trained_models import lake_model
from lake.sql.connections import connect
from lake.tables import open_table, scan, table_exists

#: The column of `people` that each comparison compares.
_FIELDS = {
    "given_name": "given", "family_name": "family", "birth_date": "birth_text", "gender": "gender", "address": "street",
    "email": "email", "phone": "phone", "national_id": "national_id", "identifier": "issued",
}  # fmt: skip
_KINDS_SHOWN = 3


@dataclass(frozen=True)
class Comparison:
    """One field of two records, compared.

    Attributes:
        name: the comparison; `level`: how far the two agree, in the model's words.
        weight_bits: for (above 0) or against one person.
        value_l, value_r: what was compared.
    """

    name: str
    level: str
    weight_bits: float
    value_l: str | None
    value_r: str | None


@dataclass(frozen=True)
class Tie:
    """Two records that are one person.

    Attributes:
        match_strength: bits, all considered; `prior_bits`: the bits before any comparison.
        comparisons: what was compared, what says most for one person first.
    """

    person_record_id_l: str
    person_record_id_r: str
    match_kind: str
    match_strength: float
    prior_bits: float
    comparisons: list[Comparison]


def ties_of(person_id: str) -> list[Tie]:
    """The ties that hold a person together as of now, strongest first; none where there is one record only."""
    if not (table_exists(PERSON_LINKS) and table_exists(PERSON_RECORDS)):
        return []
    with connect() as con:
        records = con.execute(
            f"""select * from {scan(PERSON_RECORDS)} where person_record_id in (
                    select person_record_id from {scan(PERSON_LINKS)} where person_id = ? and valid_to is null)""",
            [person_id],
        ).to_arrow_table()
    return ties_among(records, statistics=statistics_in_use(), labels=read_labels(), model=lake_model())


def ties_among(
    records: pa.Table,
    *,
    statistics: Statistics | None = None,
    labels: pa.Table | None = None,
    model: PersonModel | None = None,
) -> list[Tie]:
    """The ties among some person records, strongest first."""
    if records.num_rows < 2:
        return []
    model = model or load_model()
    with scratch() as con:
        normalise(con, read_records(to_matcher(records)), statistics)
        named = None if labels is None else to_matcher(labels)
        return _ties(con, match_people(con, labels=named, model=model, statistics=statistics).pairs, model)


def _ties(con: duckdb.DuckDBPyConnection, pairs: pa.Table, model: PersonModel) -> list[Tie]:
    """Pairs with what was compared, from the tables `people` and `judged`."""
    columns = ", ".join(sorted(set(_FIELDS.values())))
    shown = con.sql(f"select record_id, {columns} from people").to_arrow_table().to_pylist()
    values = {row["record_id"]: row for row in shown}
    levels = con.sql(
        f"""select a.record_id as l, b.record_id as r, {", ".join(f"gamma_{name}" for name in model.comparisons)}
            from judged join people a on a.rid = judged.l join people b on b.rid = judged.r"""
    ).to_arrow_table()
    level_of = {(row["l"], row["r"]): row for row in levels.to_pylist()}
    ties = [
        _tie(
            pair,
            model=model,
            values=values,
            levels=level_of.get((pair["person_record_id_l"], pair["person_record_id_r"]), {}),
        )
        for pair in from_matcher(pairs).to_pylist()
    ]
    return sorted(ties, key=lambda tie: (-tie.match_strength, tie.person_record_id_l, tie.person_record_id_r))


def _tie(pair: dict[str, Any], *, model: PersonModel, values: dict[str, dict[str, Any]], levels: dict[str, Any]) -> Tie:
    left, right = values[pair["person_record_id_l"]], values[pair["person_record_id_r"]]
    comparisons = [
        Comparison(
            name,
            level=_level(model, name, levels.get(f"gamma_{name}")),
            weight_bits=pair[f"weight_{name}"],
            value_l=_text(left[_FIELDS[name]]),
            value_r=_text(right[_FIELDS[name]]),
        )
        for name in model.comparisons
        if pair[f"weight_{name}"] is not None
    ]
    return Tie(
        pair["person_record_id_l"],
        person_record_id_r=pair["person_record_id_r"],
        match_kind=pair["match_kind"],
        match_strength=pair["match_strength"],
        prior_bits=pair["weight_prior"],
        comparisons=sorted(comparisons, key=lambda one: -one.weight_bits),
    )


def _level(model: PersonModel, name: str, gamma: int | None) -> str:
    """A level's words; records without a name are not compared, they show the same value."""
    if gamma is None or gamma < 0:
        return "same"
    labels = [level["label_for_charts"] for level in model.levels(name)]
    return str(labels[len(labels) - 1 - gamma])


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        more = f" and {len(value) - _KINDS_SHOWN} more" if len(value) > _KINDS_SHOWN else ""
        return ", ".join(value[:_KINDS_SHOWN]) + more
    return None if value is None else str(value)


def statistics_in_use() -> Statistics | None:
    """What was counted over all records at the last full run; None before the first."""
    table = open_table(PERSON_STATISTICS)
    return None if table is None else _statistics_of(table.metadata().id, table.version())


@lru_cache(maxsize=1)
def _statistics_of(table_id: str, version: int) -> Statistics | None:
    """Read once per version of a table: millions of names would be read for every page. One that was deleted and made
    anew has the version numbers of the old one, and another id."""
    return read_statistics()

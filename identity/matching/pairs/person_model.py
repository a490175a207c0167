"""The person model: how much each agreement says, as Splink settings with one thing more, and pairs scored by it.

Fellegi and Sunter (JASA 1969) compare two hypotheses: "one person" and "two people taken at random". Two of one
household are not taken at random: they share the address, the family name, often the telephone. So every pair is
compared with both alternatives, strangers and housemates, of which the likelier decides:
w = -log2(2^-w_strangers + 2^-w_housemates). What a household has in common then proves the household, and only what is
a person's own proves the person.

`person_model.json` holds Splink's settings (m and u of strangers) and the u of housemates; `score` does Splink's
arithmetic in SQL of our own.
"""

import json
import math
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from contracts.errors import LakeError
from identity.matching.comparable.statistics import Statistics
from identity.matching.tables import COMPARED, PAIRS, PROFILES, SCORED, frequency_table
from lake.sql.scratch import Computation, ScratchTable

#: Fewer records than this are taken as a sample of a larger population: two strangers may agree by chance all the same.
MIN_POPULATION = 10_000

#: The levels of a pair, and how frequent its values are.
_LEVELS = ScratchTable("levels", dict(PAIRS.columns), prefixes={"tf_": "DOUBLE", "gamma_": "TINYINT"})
#: The levels of a pair, and the bits of each among strangers (`s_`) and housemates (`h_`).
_WEIGHED = ScratchTable("weighed", dict(PAIRS.columns), prefixes={"gamma_": "TINYINT", "s_": "DOUBLE", "h_": "DOUBLE"})


class ModelError(LakeError):
    """A file that was given as a person model cannot be read as one."""

    exit_code = 2


@dataclass(frozen=True)
class PersonModel:
    """A person model.

    Attributes:
        version: changes with the model; a lake resolves anew when it does.
        threshold_bits: a pair of at least this posterior log-odds is one person.
        splink: Splink 5 settings as a dictionary; levels of each comparison from strongest to weakest.
        housemates: u-probabilities among people of one household, by comparison, in the order of its levels.
        housemates_prior: log2 odds that two records of one household are one person.
    """

    version: str
    threshold_bits: float
    splink: dict[str, Any]
    housemates: dict[str, list[float]]
    housemates_prior: float

    @property
    def comparisons(self) -> list[str]:
        """Names of the comparisons, in the order of the settings."""
        return [comparison["output_column_name"] for comparison in self.splink["comparisons"]]

    def levels(self, comparison: str) -> list[dict[str, Any]]:
        """The levels of a comparison that say something, strongest first."""
        return [level for level in self._all_levels(comparison) if not level.get("is_null_level")]

    def not_known(self, comparison: str) -> str:
        """SQL: where a comparison says nothing."""
        return str(next(level["sql_condition"] for level in self._all_levels(comparison) if level.get("is_null_level")))

    def _all_levels(self, comparison: str) -> list[dict[str, Any]]:
        settings = next(c for c in self.splink["comparisons"] if c["output_column_name"] == comparison)
        levels: list[dict[str, Any]] = settings["comparison_levels"]
        return levels

    @property
    def frequencies(self) -> dict[str, str]:
        """Comparisons whose first level is adjusted by how frequent the value is, and the column of the value."""
        firsts = {name: self.levels(name)[0] for name in self.comparisons}
        return {
            name: level["tf_adjustment_column"] for name, level in firsts.items() if "tf_adjustment_column" in level
        }


def load_model(path: Path | None = None) -> PersonModel:
    """The model that is shipped, or one from a file.

    Raises:
        ModelError: the file is not a person model.
    """
    if path is None:
        return parse_model((files("identity.matching.pairs") / "person_model.json").read_text(encoding="utf-8"))
    try:
        return parse_model(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is not a person model ({type(error).__name__})",
            cure="give a file that `lake identity train` wrote",
        ) from None


def model_text(model: PersonModel, *, version: str, splink: dict[str, Any], housemates: dict[str, list[float]]) -> str:
    """The JSON of a model with other probabilities than `model`."""
    odds = 2.0**model.housemates_prior
    return json.dumps(
        {
            "version": version,
            "threshold_bits": model.threshold_bits,
            "splink": splink,
            "housemates": {"probability_two_records_match": odds / (1 + odds), "u_probabilities": housemates},
        },
        ensure_ascii=False,
        indent=1,
    )


def parse_model(text: str) -> PersonModel:
    """A model from its JSON."""
    document = json.loads(text)
    prior = document["housemates"]["probability_two_records_match"]
    return PersonModel(
        version=document["version"],
        threshold_bits=document["threshold_bits"],
        splink=document["splink"],
        housemates=document["housemates"]["u_probabilities"],
        housemates_prior=math.log2(prior / (1 - prior)),
    )


def create_frequencies(
    con: duckdb.DuckDBPyConnection, model: PersonModel, statistics: Statistics | None = None
) -> None:
    """Make the `frequency_table` of each column that the model adjusts by.

    Args:
        statistics: those of an earlier resolution, which are then taken instead of counted over `PROFILES`.
    """
    columns = sorted(set(model.frequencies.values()))
    frozen = {} if statistics is None else statistics.frequencies
    frequency_tables = tuple(frequency_table(column) for column in columns)
    with Computation("find how frequent values are", reads=(PROFILES,), makes=frequency_tables).on(con) as step:
        for column, table in zip(columns, frequency_tables, strict=True):
            if column in frozen:
                step.put(table, frozen[column].rename_columns([column, "tf"]))
            else:
                step.make(
                    table,
                    f"""select {column}, count(*) / (select count({column}) from profiles) as tf
                        from profiles where {column} is not null group by {column}""",
                )


def score(
    con: duckdb.DuckDBPyConnection,
    model: PersonModel,
    *,
    population: int,
    min_bits: float | None = None,
    unless: str = "false",
) -> None:
    """Make `SCORED`, a row per row of `PAIRS`.

    l, r, keys: as in `PAIRS`; weight: posterior log-odds in bits; evidence: bits without the prior, against the
    alternative that fits better; `is_housemates`: which one that is; per comparison `gamma_<name>` (the level: highest
    strongest, 0 the last, -1 not known) and `weight_<name>` (bits; null where not known).

    The arithmetic is Splink's (a test compares the two), in one pass that keeps levels instead of values.

    Args:
        population: number of records that strangers are drawn from.
        min_bits: pairs that are surely below this, even if nobody ever shared a household, are left out ...
        unless: ... unless this SQL holds, of `gamma_<name>` and `keys`.
    """
    prior = math.log2(1 / (max(population, MIN_POPULATION) - 1))
    names = model.comparisons
    strangers = {name: _strangers_sql(model, name) for name in names}
    gammas = ", ".join(f"gamma_{name}" for name in names)
    is_scored = "true" if min_bits is None else f"{' + '.join(strangers.values())} + {prior} >= {min_bits} or {unless}"
    decided = ", ".join(
        f"case when gamma_{name} >= 0 then case when is_housemates then h_{name} else s_{name} end end as weight_{name}"
        for name in names
    )
    frequencies = tuple(frequency_table(column) for column in sorted(set(model.frequencies.values())))
    computation = Computation(
        "score pairs", reads=(PAIRS, PROFILES, *frequencies), makes=(SCORED,), inner=(_LEVELS, _WEIGHED)
    )
    with computation.on(con) as step:
        # In two steps: planned as one, DuckDB works the levels out for every weight that reads them (1.6 times the
        # time).
        step.make(_LEVELS, _levels_sql(model))
        step.make(
            _WEIGHED,
            f"""select l, r, keys, {gammas}, {", ".join(f"{sql} as s_{name}" for name, sql in strangers.items())},
                       {", ".join(f"{_housemates_sql(model, name)} as h_{name}" for name in names)}
                from levels where {is_scored}""",
        )
        step.drop(_LEVELS)
        step.make(
            SCORED,
            f"""with summed as (
                    select *, {" + ".join(f"s_{name}" for name in names)} as s,
                           {" + ".join(f"h_{name}" for name in names)} as h from weighed),
                compared as (
                    select *, s + {prior} as strangers, h + {model.housemates_prior} as housemates,
                           h + {model.housemates_prior} < s + {prior} as is_housemates from summed)
                select l, r, keys,
                       least(strangers, housemates) - log2(1 + pow(2, -abs(strangers - housemates))) as weight,
                       least(s, h) as evidence, is_housemates, {gammas}, {decided}
                from compared""",
        )


def _levels_sql(model: PersonModel) -> str:
    """SQL of `_LEVELS`: of each pair the level that each comparison comes to, and how frequent the values are."""
    columns = list(model.frequencies.values())
    values = ", ".join(f"a.{c} as {c}_l, b.{c} as {c}_r" for c in COMPARED)
    # Names that were exchanged are two values: as frequent as the commoner of them.
    frequent = ", ".join(f"greatest(a_{c}.tf, b_{c}.tf) as tf_{c}" for c in columns)
    joins = " ".join(
        f"left join tf_{c} {side}_{c} on {side}_{c}.{c} = {side}.{c}" for c in columns for side in ("a", "b")
    )
    return f"""
        with compared as (
            select l, r, keys, {values}, {frequent}
            from pairs join profiles a on a.pid = l join profiles b on b.pid = r {joins})
        select l, r, keys, {", ".join(f"tf_{c}" for c in columns)},
               {", ".join(f"{_gamma_sql(model, name)} as gamma_{name}" for name in model.comparisons)} from compared"""


def _gamma_sql(model: PersonModel, name: str) -> str:
    levels = model.levels(name)
    cases = " ".join(
        f"when {level['sql_condition']} then {len(levels) - 1 - place}" for place, level in enumerate(levels[:-1])
    )
    return f"cast(case when {model.not_known(name)} then -1 {cases} else 0 end as tinyint)"


def _strangers_sql(model: PersonModel, name: str) -> str:
    levels = model.levels(name)
    cases = []
    for place, level in enumerate(levels):
        m, u = level["m_probability"], level["u_probability"]
        weight = _number(math.log2(m / u))
        if "tf_adjustment_column" in level:
            minimum = level["tf_minimum_u_value"]
            frequency = f"coalesce(tf_{level['tf_adjustment_column']}, {u})"
            weight = f"{_number(math.log2(m))} - log2(greatest({frequency}, {minimum}))"
        cases.append(f"when {len(levels) - 1 - place} then {weight}")
    return f"case gamma_{name} {' '.join(cases)} else 0e0 end"


def _housemates_sql(model: PersonModel, name: str) -> str:
    levels = model.levels(name)
    cases = " ".join(
        f"when {len(levels) - 1 - place} then {_number(math.log2(level['m_probability'] / u))}"
        for place, (level, u) in enumerate(zip(levels, model.housemates[name], strict=True))
    )
    return f"case gamma_{name} {cases} else 0e0 end"


def _number(value: float) -> str:
    """SQL of a floating-point number; without its exponent DuckDB takes it for a decimal, and computes ten times as
    slowly."""
    return f"{value:.17e}"

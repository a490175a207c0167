"""The person model trained again, without labels, on the lake's own records.

Splink estimates m by expectation maximisation over pairs that share a value, one value after another, and u from random
pairs; u of housemates is counted over pairs that share an address, a phone or an e-mail and cannot be one person. A
comparison of which the records say nothing (a column that is empty, or the same of everybody) stays as it was, and is
reported. An estimate moves the model only as far as there are pairs behind it: `PSEUDO_PAIRS` of them move it half way.
"""

import copy
import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from identity.matching.comparable.normalise import normalise
from identity.matching.engine import scratch
from identity.matching.pairs.person_model import PersonModel, load_model, model_text, parse_model
from identity.matching.pairs.ties import condition, find_ties
from identity.matching.person_records import RecordsError, read_records
from identity.matching.resolve import prepare
from identity.matching.tables import JUDGED, PROFILES
from lake.sql.rows import single_row, single_value
from lake.sql.scratch import Computation

#: Columns of `PROFILES` that Splink blocks on while it trains; each informs the comparisons that it is not in.
_BLOCKED_ON = ("name_key", "birth_text", "street", "phone", "email", "national_id")
#: The shipped model counts as much as this many pairs.
PSEUDO_PAIRS = 500
_RANDOM_PAIRS = 1_000_000
_MIN_TIES = 50
_READ_JUDGED = Computation("learn from judged pairs", reads=(JUDGED, PROFILES))


@dataclass(frozen=True)
class Trained:
    """A trained model and how it came about.

    Attributes:
        text: the model as JSON (`identity.matching.pairs.person_model.parse_model`).
        ties: pairs of records that are one person, on which m rests; housemates: pairs on which their u rests.
        kept: comparisons of which the records say nothing, with the reason; they stay as they were.
    """

    text: str
    ties: int
    housemates: int
    kept: dict[str, str]

    @property
    def model(self) -> PersonModel:
        """The model itself."""
        return parse_model(self.text)


def train(records: pa.Table, *, base: PersonModel | None = None) -> Trained:
    """Train the model on person records.

    Raises:
        RecordsError: too few pairs of records are one person to learn anything; the model in use stays in use.
    """
    base = base or load_model()
    with scratch() as con:
        normalise(con, read_records(records))
        kinds = prepare(con, model=base)
        find_ties(con, base, kinds, population=records.num_rows)
        with _READ_JUDGED.on(con):
            ties = int(single_value(con, "select count(*) from judged where is_tie"))
        if ties < _MIN_TIES:
            raise RecordsError(
                f"nothing can be learnt from {records.num_rows:,} person records: {ties} pairs of them are one person, "
                f"and {_MIN_TIES} are needed",
                cure="go on with the model that there is (no step is needed), or train on more records",
            )
        with _READ_JUDGED.on(con):
            estimated, uninformative = _estimate(con, base, records.num_rows)
            text, housemates = _blend(con, base, estimated=estimated, uninformative=uninformative)
    return Trained(text=text, ties=ties, housemates=housemates, kept=uninformative)


def _estimate(
    con: duckdb.DuckDBPyConnection, base: PersonModel, records: int
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, str]]:
    """comparison -> level -> m and u as Splink estimates them; and the comparisons that it cannot estimate, with the
    reason."""
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    from splink.internals.exceptions import SplinkException

    for name in ("splink", "splink.internals"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    uninformative = {name: reason for name in base.comparisons if (reason := _says_nothing(con, base, name))}
    settings = copy.deepcopy(base.splink)
    settings["comparisons"] = [c for c in settings["comparisons"] if c["output_column_name"] not in uninformative]
    if not settings["comparisons"]:
        return {}, uninformative
    settings["probability_two_random_records_match"] = 1 / max(records, 2)
    settings["max_iterations"] = 15
    api = DuckDBAPI(connection=con)
    linker = Linker(api.register("profiles"), SettingsCreator.from_path_or_dict(settings))
    linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS)
    for column in _BLOCKED_ON:
        try:
            linker.training.estimate_parameters_using_expectation_maximisation(
                block_on(column), estimate_without_term_frequencies=True
            )
        except (SplinkException, ValueError):
            # No pair shares such a value, or a level falls to zero, at which Splink 5.0 stops; others still help.
            continue
    estimated: dict[str, dict[str, dict[str, float]]] = {}
    for comparison in linker.misc.save_model_to_json()["comparisons"]:
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        estimated[comparison["output_column_name"]] = {level["label_for_charts"]: level for level in levels}
    return estimated, uninformative


def _says_nothing(con: duckdb.DuckDBPyConnection, model: PersonModel, name: str) -> str | None:
    """Why pairs say nothing of a comparison: nobody shows its value, or it is the same of everybody."""
    compared, levels = single_row(
        con,
        f"""select count(*) filter (gamma_{name} >= 0), count(distinct gamma_{name}) filter (gamma_{name} >= 0)
            from judged""",
    )
    if not compared:
        return "no two records show it"
    return "it says the same of every pair" if levels < 2 else None


def _blend(
    con: duckdb.DuckDBPyConnection,
    base: PersonModel,
    *,
    estimated: dict[str, dict[str, dict[str, float]]],
    uninformative: dict[str, str],
) -> tuple[str, int]:
    """The base moved towards the estimates, as JSON, and the number of pairs of housemates."""
    home = " or ".join(condition(base, name, ("same",)) for name in ("address", "phone", "email"))
    other_birth, other_name = (condition(base, name, ("different",)) for name in ("birth_date", "given_name"))
    others = f"({home}) and {other_birth} and {other_name}"
    housemates = int(single_value(con, f"select count(*) from judged where {others}"))
    splink, shares = copy.deepcopy(base.splink), copy.deepcopy(base.housemates)
    for comparison in splink["comparisons"]:
        name = comparison["output_column_name"]
        if name in uninformative or name not in estimated:
            continue
        levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        pairs = int(single_value(con, f"select count(*) from judged where is_tie and gamma_{name} >= 0"))
        for which, weight in (("m_probability", pairs), ("u_probability", _RANDOM_PAIRS)):
            pseudo = PSEUDO_PAIRS if which == "m_probability" else _RANDOM_PAIRS
            moved = [
                _moved(
                    level[which],
                    estimated[name].get(level["label_for_charts"], {}).get(which),
                    weight=weight,
                    pseudo=pseudo,
                )
                for level in levels
            ]
            for level, share in zip(levels, _normalised(moved), strict=True):
                level[which] = share
        if name not in ("given_name", "birth_date"):  # those two say that the pair is two people
            counted = dict(
                con.sql(
                    f"select gamma_{name}, count(*) from judged where ({others}) and gamma_{name} >= 0 group by 1"
                ).fetchall()
            )
            total = sum(counted.values())
            place = {at: len(levels) - 1 - at for at in range(len(levels))}
            shares[name] = _normalised(
                [
                    (share * PSEUDO_PAIRS + counted.get(place[at], 0)) / (PSEUDO_PAIRS + total)
                    for at, share in enumerate(shares[name])
                ]
            )
    version = "trained-" + hashlib.sha256(json.dumps([splink, shares], sort_keys=True).encode()).hexdigest()[:12]
    return model_text(base, version=version, splink=splink, housemates=shares), housemates


def _moved(base: float, estimate: Any, *, weight: int, pseudo: int) -> float:
    return base if estimate is None else (base * pseudo + float(estimate) * weight) / (pseudo + weight)


def _normalised(shares: list[float]) -> list[float]:
    total = sum(shares)
    return [share / total for share in shares]

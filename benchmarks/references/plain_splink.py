"""Splink as its documentation teaches it, on any person records: the reference that our matcher is held against.

One recipe for every data set, with no trick for or against it: values in lower case and trimmed, one column per kind
of identifier, a ready-made comparison from Splink's library for each column that has values, term frequencies on
names, places and e-mails, u from random pairs, the prior from deterministic rules, m by expectation maximisation over
several blockings, every pair at a probability of .95 or more linked, people as connected components.

`python -m benchmarks.references.plain_splink RECORDS LINKS [--model FILE] [--save FILE]` runs it in a process of its
own.
"""

import argparse
import contextlib
import json
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

THRESHOLD = 0.95
#: Pairs for u: the documentation asks for 1e8 or more on millions of records, 1e7 while one looks.
RANDOM_PAIRS = 1e7
#: Pairs that one session of expectation maximisation looks at.
TRAINING_PAIRS = 1e6
RECALL_OF_RULES = 0.7
_SEED = 7
_TEXTS = (
    "full_name", "given_name", "family_name", "birth_date", "gender", "email", "phone", "national_id",
    "street", "city", "region", "postcode",
)  # fmt: skip


def flatten(con: duckdb.DuckDBPyConnection, records: pa.Table) -> list[str]:
    """Table `flat` of records with one column per attribute and kind of identifier; the columns that have values."""
    con.register("given", records)
    texts = [name for name in _TEXTS if name in records.column_names]
    kinds: list[str] = []
    if "identifiers" in records.column_names:
        con.execute(
            """create temp table held as select record_id, item.kind as kind, min(trim(item.value)) as value
               from (select record_id, unnest(identifiers) as item from given) group by all"""
        )
        kinds = [row[0] for row in con.execute("select distinct kind from held order by 1").fetchall()]
    shown = [f"nullif(lower(trim(g.{name})), '') as {name}" for name in texts if name not in kinds]
    shown += [f"nullif(lower(coalesce({f'g.{k}, ' if k in texts else ''}h.{k})), '') as {k}" for k in kinds]
    pivot = ""
    if kinds:
        columns = ", ".join(f"min(value) filter (kind = '{kind}') as {kind}" for kind in kinds)
        pivot = f"left join (select record_id, {columns} from held group by record_id) h using (record_id)"
    con.execute(f"create table flat as select g.record_id as unique_id, {', '.join(shown)} from given g {pivot}")
    if "phone" in texts or "phone" in kinds:
        con.execute("update flat set phone = nullif(right(regexp_replace(phone, '[^0-9]', '', 'g'), 11), '')")
    con.unregister("given")
    names = list(dict.fromkeys([*texts, *kinds]))
    counts = con.execute(f"select {', '.join(f'count(distinct {name})' for name in names)} from flat").fetchone() or ()
    return [name for name, count in zip(names, counts, strict=True) if count > 1]


def settings(columns: Sequence[str], has_whole_names: bool) -> Any:
    """Comparisons and blocking for the columns that there are."""
    import splink.comparison_library as cl
    from splink import SettingsCreator

    usual: dict[str, Callable[[], Any]] = {
        "full_name": lambda: cl.NameComparison("full_name"),
        "given_name": lambda: cl.NameComparison("given_name"),
        "family_name": lambda: cl.NameComparison("family_name"),
        "birth_date": lambda: cl.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"),
        "gender": lambda: cl.ExactMatch("gender"),
        "email": lambda: cl.EmailComparison("email"),
        "phone": lambda: cl.DamerauLevenshteinAtThresholds("phone", [1]),
        "national_id": lambda: cl.DamerauLevenshteinAtThresholds("national_id", [1, 2]),
        "street": lambda: _with_frequencies(cl.JaroWinklerAtThresholds("street", [0.92, 0.8])),
        "city": lambda: _with_frequencies(cl.JaroWinklerAtThresholds("city", [0.92, 0.8])),
        "region": lambda: _with_frequencies(cl.ExactMatch("region")),
        "postcode": lambda: _with_frequencies(cl.DamerauLevenshteinAtThresholds("postcode", [1])),
    }
    compared = [name for name in columns if name not in _left_out(has_whole_names)]
    return SettingsCreator(
        link_type="dedupe_only",
        comparisons=[usual[name]() if name in usual else cl.ExactMatch(name) for name in compared],
        blocking_rules_to_generate_predictions=_blocking(compared),
        retain_matching_columns=False,
    )


def _with_frequencies(comparison: Any) -> Any:
    return comparison.configure(term_frequency_adjustments=True)


def _left_out(has_whole_names: bool) -> set[str]:
    return {"given_name", "family_name"} if has_whole_names else {"full_name"}


def _names(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in ("full_name", "given_name", "family_name") if name in columns)


def _issued(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name not in _TEXTS or name in ("email", "phone", "national_id")]


def _blocking(columns: Sequence[str]) -> list[Any]:
    """Each identifier alone, names together, and each name with a fairly rare attribute."""
    from splink import block_on

    rare = [name for name in ("birth_date", "street", "postcode", "city") if name in columns]
    names = _names(columns)
    rules: list[tuple[str, ...]] = [(name,) for name in _issued(columns)]
    rules += [names] if len(names) > 1 else []
    rules += [(name, other) for name in names for other in rare]
    rules += [("birth_date", other) for other in rare if other != "birth_date" and "birth_date" in columns]
    return [block_on(*rule) for rule in rules]


def link(
    records: pa.Table,
    *,
    thresholds: Sequence[float] = (THRESHOLD,),
    model: Path | None = None,
    save: Path | None = None,
) -> dict[float, pa.Table]:
    """Who each record is, by threshold: `record_id`, `person_id`; trained on these records, or by a saved model."""
    from splink import DuckDBAPI, Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    columns = flatten(con, records)
    whole, parts = con.execute(
        f"select {'count(full_name)' if 'full_name' in columns else 0}, "
        f"{'count(given_name)' if 'given_name' in columns else 0} from flat"
    ).fetchone() or (0, 0)
    chosen = settings(columns, has_whole_names=whole >= parts and whole > 0)
    api = DuckDBAPI(connection=con)
    linker = Linker(api.register("flat"), json.loads(model.read_text()) if model else chosen, log_level=None)
    if model is None:
        _train(linker, [name for name in columns if name not in _left_out(whole >= parts and whole > 0)])
    if save is not None:
        linker.misc.save_model_to_json(str(save), overwrite=True)
    pairs = linker.inference.predict(threshold_match_probability=min(thresholds))
    links = {}
    for threshold in thresholds:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
            pairs, threshold_match_probability=threshold
        )
        people = clusters.as_duckdbpyrelation().select("unique_id as record_id, cluster_id as person_id")
        links[threshold] = people.to_arrow_table()
    con.close()
    return links


def _train(linker: Any, columns: Sequence[str]) -> None:
    from splink import block_on
    from splink.internals.exceptions import EMTrainingException

    _let_levels_vanish()
    names = _names(columns)
    sure: list[tuple[str, ...]] = [(name,) for name in _issued(columns)]
    sure += [(*names, "birth_date")] if names and "birth_date" in columns else []
    rules = [block_on(*rule) for rule in sure or [names]]
    linker.training.estimate_probability_two_random_records_match(rules, recall=RECALL_OF_RULES)
    linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=_SEED)
    for rule in [names, ("birth_date",), *[(name,) for name in _issued(columns)]]:
        if rule and set(rule) <= set(columns):
            # A blocking without any pairs teaches nothing.
            with contextlib.suppress(EMTrainingException):
                linker.training.estimate_parameters_using_expectation_maximisation(
                    block_on(*rule), max_pairs=TRAINING_PAIRS
                )


def _let_levels_vanish() -> None:
    """Splink 5.0.0 stops its training where no match shows some level at all; it goes on with what it takes for a level
    that it never saw."""
    from splink.internals import expectation_maximisation as em

    populate = em.populate_m_u_from_lookup

    def lifted(fixed: set[str], level: Any, name: str, records: dict[str, dict[int, Any]]) -> None:
        learnt = records.get(name, {}).get(level.comparison_vector_value)
        if learnt and learnt["m_probability"] is not None:
            learnt["m_probability"] = max(learnt["m_probability"], 1e-6)
        populate(fixed, level, name, records)

    em.populate_m_u_from_lookup = lifted  # type: ignore[assignment]


def main() -> None:
    """Link a file and write the links."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("links", type=Path, help="a file, or with --thresholds a folder: one file per threshold")
    parser.add_argument("--model", type=Path, help="a trained model, as saved")
    parser.add_argument("--save", type=Path, help="where the trained model goes")
    parser.add_argument("--thresholds", type=float, nargs="+")
    arguments = parser.parse_args()
    thresholds = arguments.thresholds or [THRESHOLD]
    records = pq.read_table(arguments.records)
    links_by_threshold = link(records, thresholds=thresholds, model=arguments.model, save=arguments.save)
    for threshold, links in links_by_threshold.items():
        pq.write_table(links, arguments.links / f"{threshold:g}.parquet" if arguments.thresholds else arguments.links)


if __name__ == "__main__":
    main()

"""Who finds whom: our matcher, its rules alone, plain Splink and the best exact rule, held against one truth.

A set is a folder with `records.parquet` and `truth.parquet`. Where the truth says what is `evident` (the sandbox), the
pairs to be found are those that values can show; precision is always that of the whole truth.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import Figure, say
from benchmarks.machine import ROOT
from benchmarks.references.exact_rules import best_rule
from benchmarks.references.plain_splink import THRESHOLD
from identity.quality.evaluate import evaluate, f1

OVER_MERGED_PERCENT = 0.5
PRECISION = 0.995
#: Thresholds at which plain Splink is also held against the truth: no threshold of its own would serve it better.
THRESHOLDS = (0.999, 0.99, THRESHOLD, 0.8, 0.5, 0.2, 0.05, 0.01)
OURS, RULES, SPLINK = "ours", "our rules alone", f"plain Splink at {THRESHOLD}"


@dataclass(frozen=True)
class Score:
    """Precision, recall of what is to be found, their F1, F1 of all true pairs, and persons that are really several."""

    precision: float
    recall: float
    f1: float
    f1_of_all: float
    over_merged_percent: float

    def __str__(self) -> str:
        shown = f"P {self.precision:.4f}  R {self.recall:.4f}  F1 {self.f1:.4f}  of all pairs {self.f1_of_all:.4f}"
        return f"{shown}  over-merged {self.over_merged_percent:.3f} %"


def score(links: pa.Table, truth: pa.Table) -> Score:
    """Hold links (`record_id`, `person_id`) against `record_id`, `truth` and perhaps `evident`."""
    people = links.select(["record_id", "person_id"])
    of_all = evaluate(people, truth.select(["record_id", "truth"])).all
    of_evident = of_all
    if "evident" in truth.column_names:
        of_evident = evaluate(people, truth.select(["record_id", "evident"]).rename_columns(["record_id", "truth"])).all
    both = f1(of_all.precision, of_evident.recall)
    return Score(
        of_all.precision,
        recall=of_evident.recall,
        f1=both,
        f1_of_all=of_all.f1,
        over_merged_percent=100 * of_all.over_merged_share,
    )


def run(module: str, *arguments: object) -> None:
    """One of the ways, in a process of its own.

    Raises:
        SystemExit: it failed; a table without it would lie.
    """
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"{module} failed; its message stands above")


def compare(name: str, folder: Path) -> dict[str, Score]:
    """All ways on one set. Plain Splink comes twice: as it is, and at the best of `THRESHOLDS`."""
    records, truth = pq.read_table(folder / "records.parquet"), pq.read_table(folder / "truth.parquet")
    scores = {}
    for way, options in ((OURS, ()), (RULES, ("--rules",))):
        run("our_identity", "resolve", folder / "records.parquet", folder / "links.parquet", *options)
        scores[way] = score(pq.read_table(folder / "links.parquet"), truth)
    (folder / "splink").mkdir(exist_ok=True)
    run("plain_splink", folder / "records.parquet", folder / "splink", "--thresholds", *THRESHOLDS)
    at = {t: score(pq.read_table(folder / "splink" / f"{t:g}.parquet"), truth) for t in THRESHOLDS}
    scores[SPLINK] = at[THRESHOLD]
    best = max(at, key=lambda threshold: at[threshold].f1)
    scores[f"Splink at {best:g}, the best by the truth"] = at[best]
    rule, links = best_rule(records, truth, "evident" if "evident" in truth.column_names else "truth")
    scores[f"best exact rule: {rule}"] = score(links, truth)
    for way, accuracy in scores.items():
        say(f"{name:>28}  {way:<46}  {accuracy}")
    return scores


def figures(name: str, *, scores: Mapping[str, Score], folder: Path, goal: float | None) -> list[Figure]:
    """One set's figures. Every F1 has a goal against the rules alone and the exact rule: ours must not be below."""
    ours, splink = scores[OURS], scores[SPLINK]
    rates = [_rate(f"F1, {name}", ours=ours.f1, reference=goal, reference_name="the goal")] if goal else []
    for way, other in scores.items():
        if way != OURS:
            # No promise is made against Splink at a threshold that the truth has chosen; a hundredth is worth a look.
            rates.append(
                _rate(
                    f"F1, {name}",
                    ours=ours.f1,
                    reference=other.f1,
                    reference_name=way,
                    goal=1.01 if "Splink" in way else 1.0,
                )
            )
    rates.append(_rate(f"precision, {name}", ours=ours.precision, reference=PRECISION, reference_name="the goal"))
    rates.append(_rate(f"recall, {name}", ours=ours.recall, reference=splink.recall, reference_name=SPLINK, goal=1.01))
    rates.append(
        Figure(f"over-merged, {name}", "% of persons", ours.over_merged_percent, OVER_MERGED_PERCENT, "the limit", 1.0)
    )
    truth = pq.read_table(folder / "truth.parquet")
    if "evident" in truth.column_names:
        evident = truth.select(["record_id", "evident"]).rename_columns(["record_id", "person_id"])
        evident_score = score(evident.filter(evident["person_id"].is_valid()), truth)
        rates.append(
            _rate(
                f"F1 of all true pairs, {name}",
                ours=ours.f1_of_all,
                reference=evident_score.f1_of_all,
                reference_name="exactly the evident pairs",
                goal=1.01,
            )
        )
    return rates


def _rate(name: str, *, ours: float, reference: float, reference_name: str, goal: float = 1.0) -> Figure:
    return Figure(name, "", ours, reference, reference_name, goal, higher_is_better=True)

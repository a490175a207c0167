"""The shape of every benchmark: `.venv/bin/python benchmarks/NAME.py [--quick] [--json]`.

A benchmark file holds one function `measure(quick) -> list[Figure]` and ends with `main(measure)`. A figure is never
alone: it is compared with a reference measured in the same run on the same input. `ratio` is always how many times the
reference's cost ours is (below 1: ours is cheaper), `goal` the highest ratio we accept.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import machine


@dataclass(frozen=True)
class Figure:
    """One measured number. `higher_is_better` for rates: their ratio is turned round."""

    name: str
    unit: str
    ours: float
    reference: float
    reference_name: str
    goal: float
    higher_is_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times the reference's cost ours is."""
        above, below = (self.reference, self.ours) if self.higher_is_better else (self.ours, self.reference)
        return above / below if below else float("inf")

    def as_dict(self) -> dict[str, Any]:
        """As `--json` prints it."""
        published = {key: value for key, value in asdict(self).items() if key not in {"higher_is_better", "goal"}}
        rounded = {key: round(value, 3) if isinstance(value, float) else value for key, value in published.items()}
        return {**rounded, "ratio": round(self.ratio, 3), "goal": self.goal, "ok": self.ratio <= self.goal}


Measure = Callable[[bool], Sequence[Figure]]


def main(measure: Measure) -> None:
    """Run a benchmark from its command line. Ends with 1 where a figure misses its goal."""
    parser = argparse.ArgumentParser(description=sys.modules[measure.__module__].__doc__)
    parser.add_argument("--quick", action="store_true", help="a small world; ends within five minutes")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    options = parser.parse_args()
    described = machine.describe()
    figures = [figure.as_dict() for figure in measure(options.quick)]
    if options.json:
        print(json.dumps({"machine": described, "figures": figures}, indent=2))
    else:
        print(table(figures))
    sys.exit(0 if all(figure["ok"] for figure in figures) else 1)


def say(message: str) -> None:
    """Progress, on standard error: standard output holds the figures only."""
    print(message, file=sys.stderr, flush=True)


def table(figures: Sequence[dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    lines = ["| What | Unit | Ours | Reference | Ratio | Goal | |", "|---|---|---:|---:|---:|---:|---|"]
    for figure in figures:
        ours, reference = (f"{figure[key]:,.6g}" for key in ("ours", "reference"))
        met = "met" if figure["ok"] else "**missed**"
        lines.append(
            f"| {figure['name']} | {figure['unit']} | {ours} | {reference} ({figure['reference_name']}) "
            f"| {figure['ratio']:.2f} | {figure['goal']:g} | {met} |"
        )
    return "\n".join(lines)

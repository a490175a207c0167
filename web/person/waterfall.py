"""How bits add up to a match strength, as bars of an SVG. `identity.review.waterfall` computes where a bar lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from identity.review import waterfall
from identity.review.waterfall import PRIOR

#: The name of the last bar.
TOTAL = "total"


@dataclass(frozen=True)
class Step:
    """A comparison: how many bits it speaks for (or against) one person, and what was compared where it is known."""

    name: str
    bits: float
    level: str = ""
    value_l: Any = None
    value_r: Any = None


@dataclass(frozen=True)
class Bar:
    """A step as a bar: where it lies and how wide it is, in percent of the width."""

    step: Step
    at: float
    wide: float


@dataclass(frozen=True)
class Waterfall:
    """The bars in the order given, the prior first, and their sum; `zero` is where it is even, in percent."""

    bars: list[Bar]
    total: Bar
    zero: float


def pour(steps: Iterable[Step], total: float) -> Waterfall:
    """The waterfall of steps that add up to a total; what they lack to it is the prior."""
    compared = list(steps)
    prior = waterfall.prior_bits([step.bits for step in compared], total)
    if prior is not None:
        compared.insert(0, Step(PRIOR, prior))
    drawn = waterfall.waterfall([step.bits for step in compared], total)
    bars = [_percent(step, bar) for step, bar in zip(compared, drawn.bars, strict=True)]
    return Waterfall(bars, _percent(Step(TOTAL, total), drawn.total), 100 * drawn.zero)


def _percent(step: Step, bar: waterfall.Bar) -> Bar:
    return Bar(step, 100 * bar.left, 100 * bar.width)

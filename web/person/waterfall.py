"""How bits add up to a match strength, as bars: each begins where the one before it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_LEAST = 0.05


@dataclass(frozen=True)
class Step:
    """What speaks, how many bits for (or against) one person, and the level and values that were compared, if told."""

    name: str
    bits: float
    level: str = ""
    value_l: Any = None
    value_r: Any = None


#: What is in a strength beside the comparisons: how likely any two records are one person before they are compared.
PRIOR = "prior"


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
    told = list(steps)
    rest = total - sum(step.bits for step in told)
    if told and abs(rest) >= _LEAST:
        told.insert(0, Step(PRIOR, rest))
    ends = [0.0]
    for step in told:
        ends.append(ends[-1] + step.bits)
    lowest, highest = min(*ends, total, 0.0), max(*ends, total, 0.0)
    length = (highest - lowest) or 1.0

    def bar(step: Step, begin: float) -> Bar:
        return Bar(step, 100 * (min(begin, begin + step.bits) - lowest) / length, 100 * abs(step.bits) / length)

    bars = [bar(step, begin) for step, begin in zip(told, ends, strict=False)]
    return Waterfall(bars, bar(Step("all together", total), 0.0), 100 * -lowest / length)

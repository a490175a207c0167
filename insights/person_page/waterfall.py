"""How bits add up to a match strength, as bars: each begins where the one before it ended."""

from collections.abc import Iterable
from dataclasses import dataclass

#: What is in a strength beside the comparisons: how likely any two records are one person before they are compared.
PRIOR = "prior"
_LEAST = 0.05


@dataclass(frozen=True)
class Bar:
    """One bar: what speaks, how many bits for (or against) one person, where it lies in percent of the width."""

    name: str
    bits: float
    at: float
    wide: float
    note: str = ""


@dataclass(frozen=True)
class Waterfall:
    """The bars in the order given, the prior first, and their sum; `zero` is where it is even, in percent."""

    bars: list[Bar]
    total: Bar
    zero: float


def pour(steps: Iterable[tuple[str, float, str]], total: float) -> Waterfall:
    """The waterfall of steps (name, bits, note); what they lack to the total is the prior."""
    told = list(steps)
    rest = total - sum(bits for _, bits, _ in told)
    if told and abs(rest) >= _LEAST:
        told.insert(0, (PRIOR, rest, ""))
    ends = [0.0]
    for _, bits, _ in told:
        ends.append(ends[-1] + bits)
    lowest, highest = min(*ends, total, 0.0), max(*ends, total, 0.0)
    length = (highest - lowest) or 1.0

    def bar(name: str, bits: float, begin: float, note: str) -> Bar:
        return Bar(name, bits, 100 * (min(begin, begin + bits) - lowest) / length, 100 * abs(bits) / length, note)

    bars = [bar(name, bits, begin, note) for (name, bits, note), begin in zip(told, ends, strict=False)]
    return Waterfall(bars, bar("all together", total, 0.0, ""), 100 * -lowest / length)

"""The arithmetic of a waterfall: how bits add up to a match strength, each bar beginning where the one before it ended.

`lake identity review` draws it as text, the person page as SVG; both ask here where a bar lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

#: The name of the first bar: what the matcher assumes of any two records before it compares them.
PRIOR = "prior"
#: A prior of fewer bits than this is not drawn.
MIN_PRIOR_BITS = 0.05


@dataclass(frozen=True)
class Bar:
    """Where a bar begins and ends, as shares of the width (0 to 1); `begin` is above `end` where bits are negative."""

    begin: float
    end: float

    @property
    def left(self) -> float:
        """Its left edge."""
        return min(self.begin, self.end)

    @property
    def width(self) -> float:
        """How wide it is."""
        return abs(self.end - self.begin)


@dataclass(frozen=True)
class Waterfall:
    """The bars in the order given and the bar of their sum; `zero` is where the odds are even (share of the width)."""

    bars: list[Bar]
    total: Bar
    zero: float


def prior_bits(weights: Sequence[float], strength: float) -> float | None:
    """What a strength holds besides its weights, in bits; None where nothing was compared or nothing is left."""
    rest = strength - sum(weights)
    return rest if weights and abs(rest) >= MIN_PRIOR_BITS else None


def waterfall(weights: Sequence[float], strength: float | None = None) -> Waterfall:
    """The waterfall of weights in bits, the prior among them, that add up to a strength (None: to their sum)."""
    ends = [0.0]
    for bits in weights:
        ends.append(ends[-1] + bits)
    total = ends[-1] if strength is None else strength
    lowest, highest = min(*ends, total), max(*ends, total)
    length = (highest - lowest) or 1.0
    places = [(end - lowest) / length for end in ends]
    bars = [Bar(begin, end) for begin, end in pairwise(places)]
    return Waterfall(bars, Bar(places[0], (total - lowest) / length), places[0])

"""Seeded, vectorised drawing and the few Arrow idioms that every system's module uses. Knows nothing of systems."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.logical_types import TIMESTAMP

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Text: TypeAlias = pa.StringArray

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Draw:
    """One stream of random numbers. The same key gives the same numbers, whatever else was drawn before."""

    def __init__(self, *key: int) -> None:
        self.rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def flags(self, size: int, chance: float | Floats) -> Flags:
        """True with the given chance."""
        return np.asarray(self.rng.random(size) < chance, dtype=np.bool_)

    def index(self, size: int, weights: Sequence[float] | Floats) -> Ints:
        """Positions drawn by weight (the weights need not add up to one)."""
        edges = np.cumsum(np.asarray(weights, dtype=float))
        positions = np.searchsorted(edges, self.rng.random(size) * edges[-1], side="right")
        return np.asarray(positions, dtype=np.int64)

    def pick(self, values: Sequence[str], size: int, weights: Sequence[float] | Floats | None = None) -> Text:
        """Values drawn by weight, evenly without one."""
        chosen = self.rng.integers(0, len(values), size) if weights is None else self.index(size, weights)
        return text(values, chosen)

    def between(self, low: float, high: float, size: int) -> Ints:
        """Whole numbers, low inclusive and high exclusive."""
        return self.rng.integers(int(low), int(high), size).astype(np.int64)

    def exponential(self, mean: float, size: int) -> Ints:
        """Whole numbers with an exponential tail: lags in microseconds."""
        return (self.rng.exponential(mean, size)).astype(np.int64)


def text(values: Sequence[str] | Text, index: Ints) -> Text:
    """`values[index]`, as Arrow text."""
    source = values if isinstance(values, pa.Array) else pa.array(list(values), pa.string())
    return source.take(pa.array(index))


def numbered(prefix: str, numbers: Ints, width: int = 0) -> Text:
    """Ids: a prefix and a number, zero-padded to `width` digits."""
    digits = pc.cast(pa.array(numbers), pa.string())
    if width:
        digits = pc.utf8_lpad(digits, width, "0")
    return join(pa.scalar(prefix), digits)


def join(*parts: Text | pa.StringScalar, sep: str = "") -> Text:
    """Texts side by side, element by element."""
    return pc.binary_join_element_wise(*parts, pa.scalar(sep))


def where(mask: Flags, yes: object, no: object) -> pa.Array:
    """Element-wise choice; scalars and None are welcome."""
    return pc.if_else(pa.array(mask), yes, no)


def only(mask: Flags, values: object) -> pa.Array:
    """The value where the mask holds, null elsewhere."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    return pc.if_else(pa.array(mask), array, pa.scalar(None, array.type))


def constant(value: str, size: int) -> Text:
    """One text, `size` times."""
    return pa.repeat(pa.scalar(value), size)


def stamps(microseconds: Ints) -> pa.Array:
    """Microseconds since 1970 as UTC timestamps."""
    return pa.array(np.asarray(microseconds, dtype=np.int64), pa.int64()).cast(TIMESTAMP)


def dates(microseconds: Ints) -> pa.Array:
    """Microseconds since 1970 as dates."""
    return pa.array((np.asarray(microseconds) // DAY).astype(np.int32), pa.int32()).cast(pa.date32())


def repeat_each(counts: Ints) -> Ints:
    """[2, 0, 1] -> [0, 0, 2]: the position of the parent of each child."""
    return np.repeat(np.arange(len(counts), dtype=np.int64), counts)


def place_in_group(counts: Ints) -> Ints:
    """[2, 0, 3] -> [0, 1, 0, 1, 2]: the number of each child within its parent."""
    total = int(counts.sum())
    starts = np.cumsum(counts) - counts
    return np.arange(total, dtype=np.int64) - np.repeat(starts, counts)

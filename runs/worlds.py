"""What surrounds a lake and knows more of itself than its source systems report: a simulated company, a known truth.

The lake reads a world as it reads everything else, through the contracts. Only what it reports afterwards (do the
counts agree with what was produced, are the persons right), and the servers that a simulated system needs while it is
read, come through the interface here. Worlds are plug-ins of the group `customer_lake.worlds`: an entry point names a
class or function without parameters that makes a `World`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from runs.plug_ins import load_plug_ins

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.landing_state import Counted

GROUP = "customer_lake.worlds"


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How the lake's persons compare with the true ones; precision and recall are shares of pairs of records, 0 to 1.

    Attributes:
        over_merged: persons of the lake that hold records of more than one true person.
        split: true persons whose records lie in more than one person of the lake.
    """

    true_persons: int
    precision: float
    recall: float
    over_merged: int
    split: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that `lake doctor` examined. `is_needed` is false for what only some uses need: it never makes the
    machine unfit."""

    subject: str
    is_ok: bool
    found: str
    cure: str = ""
    is_needed: bool = True


class World(Protocol):
    """What a world does for the lake. Every method looks for itself whether the world is there, and is cheap if not."""

    def servers(self) -> AbstractContextManager[None]:
        """The servers of the world's source systems, for as long as the block runs.

        A source whose address is given (`LAKE_SOURCE_<SOURCE>_URL`) gets none; the address of one that is started
        stands in that variable within the block.
        """

    def miscounted_entities(self, counters: "Iterable[Counted]") -> list[tuple[str, str]] | None:
        """Source and entity, sorted, of all counters that differ from what was produced; None where that is unknown."""

    def accuracy(self, read_events: "Callable[[], pa.Table]") -> Accuracy | None:
        """How right the lake's persons are; None where the truth is unknown.

        Args:
            read_events: gives `event_id` (source:entity:key) and `person_id` of every event; not called without need.
        """

    def findings(self) -> Iterable[Finding]:
        """What this machine has, or lacks, for the world's servers."""


@lru_cache
def load_worlds() -> list[World]:
    """The worlds that are installed, by name.

    Raises:
        PlugInError: one cannot be imported.
    """
    return [make() for make in load_plug_ins(GROUP).values()]


@contextmanager
def source_servers() -> Iterator[None]:
    """The servers of all worlds while the block runs."""
    with ExitStack() as stack:
        for world in load_worlds():
            stack.enter_context(world.servers())
        yield

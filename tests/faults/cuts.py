"""A server that is cut off in the middle of a landing and comes back: when, how often, and what landing said to it."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.services.processes import Process
from tests.landing_lake import Shop


@dataclass
class Cuts:
    """Cuts of one server while the shop lands; `troubles` counts the landings that had to say so."""

    server: Process
    is_hard: bool = True
    away_seconds: float = 0.3
    seed: int = 7
    made: int = 0
    landings: int = 0
    troubles: int = 0
    seconds_away: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def land_with_a_cut(self, shop: Shop, *, between: tuple[float, float]) -> None:
        """Land while the server is cut off at some moment, and brought back."""
        cutter = threading.Timer(self._rng.uniform(*between), self._cut)
        cutter.start()
        self._land(shop)
        cutter.join()

    def land_all(self, shop: Shop, is_done: Callable[[], bool], *, seconds: float = 60.0) -> None:
        """Land until all is here; a server that has just come back may need a moment."""
        until = time.monotonic() + seconds
        while not is_done() and time.monotonic() < until:
            self._land(shop)

    def _land(self, shop: Shop) -> None:
        self.landings += 1
        result = shop.land()
        if result.error is not None:
            self.troubles += 1
            assert result.cure

    def _cut(self) -> None:
        started = time.monotonic()
        (self.server.kill if self.is_hard else self.server.stop)()
        time.sleep(self.away_seconds)
        self.server.start()
        self.made += 1
        self.seconds_away.append(time.monotonic() - started)

    def __str__(self) -> str:
        away = sum(self.seconds_away) / max(1, len(self.seconds_away))
        return f"{self.made} cuts ({away:.1f} s each), {self.landings} landings, {self.troubles} of them reported it"

"""When things happen: the window being simulated, its seasons, and the moments drawn within it."""

from dataclasses import dataclass

import numpy as np

from infra.sandbox.people.households import People, at_preferred_hour
from infra.sandbox.rows.draw import DAY, Draw, Floats, Ints

#: Length of a stretch that `advance` simulates at once; its rows are then released day by day.
STRETCH_DAYS = 28
MONTH = 30 * DAY
NEVER = np.int64(2**62)


@dataclass(frozen=True)
class Window:
    """One stretch of time for one block of people. Stretch 0 is what `create` makes, later ones what `advance` adds.

    Times are microseconds since 1970, midnights UTC; `world_start` and `world_end` bound stretch 0.
    """

    seed: int
    block: int
    stretch: int
    start: int
    end: int
    world_start: int
    world_end: int

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.end - self.start) // DAY

    @property
    def years(self) -> float:
        """Length in years of 365 days."""
        return self.days / 365.0

    def draw(self, stream: int) -> Draw:
        """The random numbers of one module in this stretch and block; `stream` keeps modules apart."""
        return Draw(self.seed, self.block, self.stretch, stream)

    def numbers(self, count: int) -> Ints:
        """Numbers for ids that no other stretch, block or place in this one has."""
        first = (self.stretch * 10_000 + self.block + 1) * 10_000_000
        return first + np.arange(count, dtype=np.int64)

    def season(self) -> Floats:
        """How busy each day is: weekends, the June festival with its rains, November sales."""
        day = self.start // DAY + np.arange(self.days)
        return day_weight(day)

    def happen(self, draw: Draw, people: People, per_year: Floats) -> tuple[Ints, Ints]:
        """Who and when, for something that happens to each person so many times a year, busier in season."""
        person = np.repeat(np.arange(len(people), dtype=np.int64), draw.rng.poisson(per_year * self.years))
        days = self.start + draw.index(len(person), self.season()) * DAY
        return person, at_preferred_hour(draw, days, people.hour[person])


def peak(day: Ints) -> Floats:
    """0 to 1: how near a day (since 1970) is to the height of one of the two seasons."""
    of_year = (day - 20_454) % 365  # day 20,454 is 2026-01-01
    return np.asarray(np.exp(-(((of_year - 165) / 18.0) ** 2)) + np.exp(-(((of_year - 315) / 14.0) ** 2)))


def day_weight(day: Ints) -> Floats:
    """Relative volume of a day (since 1970)."""
    weekend = np.isin((day + 3) % 7, (5, 6))  # 1970-01-01 was a Thursday
    return np.asarray((1.0 + 0.6 * peak(day)) * np.where(weekend, 1.25, 0.9))

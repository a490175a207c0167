"""A person's journey as a picture: one lane per system over time.

The picture is made of counts per step of time, never of events, so that it weighs the same for a hundred events and for
a hundred thousand. What stands far before the rest (a customer since 2003) would flatten it: the span shown is the
shortest usual one that holds most of the events, and what lies before it is counted at the left edge.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from persons.journey import TROUBLES
from persons.reading import Row

#: How many steps of time a lane has.
STEPS = 90
#: Name of a span and its days; the shortest that holds `_ENOUGH` of the events is shown first.
SPANS = {"90d": 90, "1y": 366, "2y": 731, "5y": 1827}
_ENOUGH = 0.8


@dataclass(frozen=True)
class Step:
    """A step of a lane in which something happened; `at` and `wide` are in percent of the span.

    Attributes:
        kinds: event type and count, the most frequent first.
    """

    at: float
    wide: float
    events: int
    troubles: int
    begins_at: datetime
    ends_at: datetime
    kinds: list[tuple[str, int]]


@dataclass(frozen=True)
class Lane:
    """One system over time. `most` is the largest count of a step in any lane: all are drawn to one scale."""

    source: str
    events: int
    first_event_at: datetime
    last_event_at: datetime
    before: int
    steps: list[Step]


@dataclass(frozen=True)
class Tick:
    """A mark of the time axis, in percent; the minor ones are left out where there is little room.

    Attributes:
        unit: how much of the moment is written: month, month_year or year.
    """

    at: float
    moment: datetime
    unit: str
    is_minor: bool


@dataclass(frozen=True)
class Picture:
    """The lanes with their axis. `span` is a name of `SPANS`, or `all`."""

    span: str
    since: datetime
    until: datetime
    most: int
    lanes: list[Lane]
    ticks: list[Tick]
    spans: list[str]


def draw(hours: list[Row], span: str | None = None) -> Picture | None:
    """The picture of the counted events of `persons.journey.Journey.hours`; None where nothing has happened."""
    if not hours:
        return None
    first, last = min(row["first_at"] for row in hours), max(row["last_at"] for row in hours)
    spans = [*(name for name, days in SPANS.items() if timedelta(days=days) < last - first), "all"]
    span = span if span in spans else _span_that_holds_most(hours, last, spans)
    until = last + timedelta(minutes=1)
    since = first if span == "all" else _begin(hours, until - timedelta(days=SPANS[span]))
    since = min(since, until - timedelta(days=1))
    length = (until - since) / STEPS
    counted: dict[str, dict[int, Counter[str]]] = {}
    for row in hours:
        # What happened in the hour in which the span begins, or before the first full step, is in the first step.
        place = -1 if row["last_at"] < since else max(0, int((row["event_at"] - since) / length))
        counted.setdefault(row["source"], {}).setdefault(place, Counter())[row["event_type"]] += row["events"]
    lanes = [
        Lane(
            source=source,
            events=sum(sum(kinds.values()) for kinds in steps.values()),
            first_event_at=min(row["first_at"] for row in hours if row["source"] == source),
            last_event_at=max(row["last_at"] for row in hours if row["source"] == source),
            before=sum(steps.pop(-1, Counter()).values()),
            steps=[_step(place, kinds=kinds, since=since, length=length) for place, kinds in sorted(steps.items())],
        )
        for source, steps in counted.items()
    ]
    most = max((step.events for lane in lanes for step in lane.steps), default=1)
    return Picture(span, since=since, until=until, most=most, lanes=lanes, ticks=_ticks(since, until), spans=spans)


def _begin(hours: list[Row], bound: datetime) -> datetime:
    """Where the picture begins: not long before the first event that it shows."""
    shown: list[datetime] = [row["first_at"] for row in hours if row["last_at"] >= bound]
    return max(bound, min(shown))


def _span_that_holds_most(hours: list[Row], last: datetime, spans: list[str]) -> str:
    everything = sum(row["events"] for row in hours)
    for name in spans[:-1]:
        since = last - timedelta(days=SPANS[name])
        if sum(row["events"] for row in hours if row["last_at"] >= since) >= _ENOUGH * everything:
            return name
    return "all"


def _step(place: int, *, kinds: Counter[str], since: datetime, length: timedelta) -> Step:
    return Step(
        at=100 * place / STEPS,
        wide=100 / STEPS,
        events=sum(kinds.values()),
        troubles=sum(events for kind, events in kinds.items() if kind in TROUBLES),
        begins_at=since + place * length,
        ends_at=since + (place + 1) * length,
        kinds=kinds.most_common(),
    )


def _ticks(since: datetime, until: datetime) -> list[Tick]:
    """Months, or years where there are many; about eight, every second one minor."""
    months = (until.year - since.year) * 12 + until.month - since.month + 1
    every = next(step for step in (1, 2, 3, 6, 12, 24, 60, 120, 600) if months <= 9 * step)
    ticks: list[Tick] = []
    number = since.year * 12 + since.month - 1
    for month in range(number + -number % every, number + months, every):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if since <= moment <= until:
            is_first_month = not ticks and every < 12 and moment.month != 1
            unit = "month_year" if is_first_month else "year" if every >= 12 or moment.month == 1 else "month"
            at = 100 * ((moment - since) / (until - since))
            ticks.append(Tick(at, moment, unit, is_minor=len(ticks) % 2 == 1))
    return ticks

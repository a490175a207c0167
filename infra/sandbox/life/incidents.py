"""Incidents in app and server latency, and peaks of traffic that do no harm: the same for every block of people."""

from dataclasses import dataclass

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import Window
from infra.sandbox.people import name_lists
from infra.sandbox.rows.draw import DAY, SECOND, Draw

ENDPOINTS = ("/home", "/search", "/cart", "/checkout", "/payment", "/login", "/claims", "/profile")


@dataclass(frozen=True)
class Incident:
    """A stretch of seconds. `release` and `endpoint` are null where the peak is harmless."""

    incident_id: str
    start: int
    seconds: int
    region: str
    release: str | None
    endpoint: str | None
    is_harmless: bool

    @property
    def end(self) -> int:
        """Microseconds since 1970."""
        return self.start + self.seconds * SECOND


def planted(window: Window) -> list[Incident]:
    """Those of the world's first stretch; later stretches are quiet. An incident is a bad release in one region."""
    if window.stretch:
        return []
    draw = Draw(window.seed, 12)
    incidents = []
    for place in range(effects.INCIDENTS + effects.HARMLESS_PEAKS):
        harmless = place >= effects.INCIDENTS
        day = int(draw.rng.integers(1, max(window.days - 1, 2)))
        start = window.start + day * DAY + int(draw.rng.integers(8 * 3600, 22 * 3600)) * SECOND
        incidents.append(
            Incident(
                incident_id=f"{'PK' if harmless else 'IC'}{place:02d}",
                start=start,
                seconds=int(draw.rng.integers(60, 601)),
                region=name_lists.REGIONS[int(draw.rng.integers(0, len(name_lists.REGIONS)))],
                release=None if harmless else release_at(window, start),
                endpoint=None if harmless else ENDPOINTS[int(draw.rng.integers(2, len(ENDPOINTS)))],
                is_harmless=harmless,
            )
        )
    return sorted(incidents, key=lambda incident: incident.start)


def release_at(window: Window, moment: int) -> str:
    """The app version that is newest at a moment: one every three weeks."""
    return f"5.{max((moment - window.world_start) // (21 * DAY), 0)}.0"

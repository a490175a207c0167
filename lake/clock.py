"""The "now" of everything that is computed from data (ADR 9).

`LAKE_NOW`, else the sandbox's clock (`clock.json` next to its systems, moved by `lake sandbox advance`), else
the machine's UTC clock. Freshness, feature windows, TTL and real data of years ago all use it.
What is recorded of the work itself (when a run ended, when somebody looked at a file) is by the machine's clock.
"""

import json
from datetime import UTC, date, datetime

from contracts.settings import load_settings


def now() -> datetime:
    """The lake's present moment, timezone-aware UTC."""
    settings = load_settings()
    if settings.now is not None:
        moment = settings.now
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    sandbox_clock = settings.sources_root / "clock.json"
    if sandbox_clock.exists():
        return datetime.fromisoformat(json.loads(sandbox_clock.read_text())["now"]).astimezone(UTC)
    return datetime.now(UTC)


def today() -> date:
    """The UTC day of `now()`."""
    return now().date()

"""The quality portal: one self-contained page for governance staff, `LAKE_HOME/reports/quality/index.html`.

What it says is gathered in `portal_gather.py`, how it looks is in `templates/`. It needs no server and no network; a
content security policy in the page forbids what it does not hold itself. `python -m web.portal.render` builds it.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from contracts.contract_file import CLASSIFICATIONS
from contracts.settings import load_settings
from lake.landing_state import Counted
from web.portal.facts import Page, TableFacts, is_open, worst
from web.portal.gather import gather

PROBLEMS_SHOWN = 60

STATE_WORDS = {"blocked": "✕ Blocked", "warned": "! Warning", "passed": "✓ Passed", "unchecked": "– Not checked"}
#: The layers in the order of a record's way, with their Chinese names.
LAYERS = {"bronze": ("Bronze", "原始层"), "identity": ("Identity", "身份"), "marts": ("Marts", "主题层"),
          "features": ("Features", "特征")}  # fmt: skip
CLASS_MEANINGS = {
    "public": "may be known to all",
    "internal": "about the business, not about a person",
    "pii_direct": "names or reaches one person by itself",
    "pii_quasi": "narrows down to a person together with others",
    "pii_online": "recognises a browser or a device",
    "pii_sensitive": "health, belief or the like; needs its own consent",
    "pii_text": "free text, which may hold anything",
}


@dataclass(frozen=True)
class Stage:
    """A layer of the lake, as a box on the way of a record."""

    zone: str
    title: str
    zh: str
    tables: tuple[TableFacts, ...]

    @property
    def rows(self) -> int:
        """Rows of all its tables."""
        return sum(table.rows for table in self.tables)

    @property
    def state(self) -> str:
        """Its worst state."""
        return worst(check.result for table in self.tables for check in table.checks)

    @property
    def is_open(self) -> bool:
        """Whether modellers may read it."""
        return is_open(self.zone)


def build(home: Path | None = None, *, counters: Iterable[Counted] = ()) -> Path:
    """Write the page and return where it is.

    Args:
        home: the lake's home, for where to write; by default the one of the settings, which is always the one read.
        counters: what landing counted per entity (`ingestion.landing.land.counters()`); without them the page shows
        what
            the tables hold and leaves received and doubled open.
    """
    path = portal_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(render(gather(counters)), encoding="utf-8")
    beside.replace(path)  # a reader never sees half a page
    return path


def portal_path(home: Path | None = None) -> Path:
    """Where the page is, whether it has been built or not."""
    return (home or load_settings().home) / "reports" / "quality" / "index.html"


def render(page: Page) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=lambda name: name is not None and not name.endswith((".css", ".js")),
        undefined=StrictUndefined,
    )
    environment.filters.update(
        number=_number,
        moment=_moment,
        day=_day,
        age=_age,
        share=_share,
        figure=_figure,
        promise=_promise,
        prose=_prose,
        anchor=_anchor,
        words=_words,
    )
    return environment.get_template("portal.html.j2").render(_context(page))


def _context(page: Page) -> dict[str, Any]:
    failed = [result for result in page.results if not result.passed]
    blocking = sum(problem.is_blocking for problem in page.problems)
    warnings = len(page.problems) - blocking
    received = sum(s.received or s.landed + s.quarantined for s in page.sources)
    refused = sum(s.quarantined for s in page.sources)
    by_source: dict[str, Counter[str]] = {}
    for q in page.refused:
        by_source.setdefault(q.source, Counter())[q.reason] += q.rows
    zones = {**LAYERS, **{t.zone: (t.zone.capitalize(), "") for t in page.tables if t.zone not in LAYERS}}
    lost = [s for s in page.sources if s.reconciles is False]
    columns = [(e, c) for e in page.entities for c in e.columns]
    return {
        "page": page,
        "headline": _headline(page, blocking, warnings, len(lost)),
        "lost": lost,
        "passed": len(page.results) - len(failed),
        "blocking": blocking,
        "warnings": warnings,
        "delivering": sum(s.age is not None for s in page.sources),
        "fresh": sum(s.is_fresh for s in page.sources),
        "refused": refused,
        "reasons": sorted({q.reason for q in page.refused}),
        "refused_by_source": by_source,
        "most_refused": max((rows for counts in by_source.values() for rows in counts.values()), default=1),
        "refused_share": _share(refused, received),
        "stages": [
            Stage(zone, title, zh, tuple(t for t in page.tables if t.zone == zone))
            for zone, (title, zh) in zones.items()
        ],
        "state_words": STATE_WORDS,
        "problems_shown": PROBLEMS_SHOWN,
        "days_shown": max((len(s.days) for s in page.sources), default=0),
        "classes": {name: CLASS_MEANINGS[name] for name in CLASSIFICATIONS},
        "class_counts": {
            s.contract.source: {
                name: sum(c.classification == name for e, c in columns if e.source == s.contract.source)
                for name in CLASSIFICATIONS
            }
            for s in page.sources
        },
        "personal": {
            s.contract.source: [(e, c) for e, c in columns if e.source == s.contract.source and c.is_personal]
            for s in page.sources
        },
    }


def _headline(page: Page, blocking: int, warnings: int, lost: int) -> str:
    if not page.results:
        return "Nothing has been checked yet"
    if blocking:
        return f"{blocking} problem{'s' * (blocking != 1)} stop{'s' * (blocking == 1)} publication"
    if lost:
        return f"Records of {lost} source{'s' * (lost != 1)} are unaccounted for"
    if warnings:
        return f"Nothing is blocked; {warnings} warning{'s' * (warnings != 1)}"
    return f"All {len(page.results):,} checks passed"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "–"


def _figure(value: float | None) -> str:
    """A share as a figure of linkage; rounded down, so that .9999 never reads as 1."""
    return "–" if value is None else f"{math.floor(value * 1000) / 1000:.3f}"


def _moment(value: datetime) -> str:
    return f"{value:%-d %B %Y, %H:%M} UTC"


def _day(value: datetime) -> str:
    return f"{value:%-d %B %Y}"


def _age(value: timedelta | None) -> str:
    if value is None:
        return "never delivered"
    hours = value.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} days"


def _promise(name: str) -> str:
    """`is_never_empty` as a reader sees it."""
    return re.sub(r"\bpii\b", "personal:", name.replace("_", " "))


def _prose(text: str) -> Markup:
    """A sentence with a capital and a full stop; what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    marked = Markup("").join(Markup("<code>{}</code>").format(p) if n % 2 else p for n, p in enumerate(parts))
    return Markup(marked[:1].upper()) + marked[1:] + ("" if text.endswith(".") else ".")


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _words(table: TableFacts) -> str:
    """What a reader may search a table by."""
    columns = sorted({check.result.column for check in table.checks if check.result.column})
    return " ".join([table.name, table.owner, table.steward, *columns]).lower()


if __name__ == "__main__":
    print(build())

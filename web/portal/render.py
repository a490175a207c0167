"""The quality portal: a self-contained page per language for governance staff, below `LAKE_HOME/reports/quality/`.

`gather` reads what it shows, `facts` says what that means, `templates/` draws it. `index.html` is English and
`index.zh.html` Chinese; each links to the other. Both open from disk: they need no server and no network, and a content
security policy in the page forbids what it does not hold itself. `python -m web.portal.render` builds them.
"""

import base64
import hashlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from contracts.contract_file import CLASSIFICATIONS
from contracts.settings import load_settings
from lake.landing_state import Counted
from web import pages
from web.language import DEFAULT, LANGUAGES, Texts, texts
from web.portal.facts import Page, TableFacts, is_open, worst
from web.portal.gather import gather

PROBLEMS_SHOWN = 60
#: The layers in the order of a record's way.
LAYERS = ("bronze", "identity", "marts", "features")
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Stage:
    """A layer of the lake, as a box on the way of a record."""

    zone: str
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
    """Write the page in every language and return where the English one is.

    Args:
        home: the lake's home, for where to write; by default the one of the settings, which is always the one read.
        counters: what landing counted per entity (`ingestion.landing.land.counters()`); without them the page shows
            what the tables hold and leaves received and duplicates open.
    """
    page = gather(counters)
    folder = portal_path(home).parent
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        path = folder / file_name(language)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        temporary.write_text(render(page, language), encoding="utf-8")
        temporary.replace(path)  # a reader never sees half a page
    return portal_path(home)


def portal_path(home: Path | None = None) -> Path:
    """Where the page is in English, whether it has been built or not."""
    return (home or load_settings().home) / "reports" / "quality" / file_name(DEFAULT)


def file_name(language: str) -> str:
    """The name of the page's file in a language."""
    return "index.html" if language == DEFAULT else f"index.{language}.html"


def render(page: Page, language: str = DEFAULT) -> str:
    """The page as HTML in a language."""
    spoken = texts(language)
    style = "\n".join((pages.STYLE / name).read_text(encoding="utf-8") for name in ("product.css", "portal.css"))
    script = (_HERE / "portal.js").read_text(encoding="utf-8")
    switch = {code: file_name(code) for code in LANGUAGES}
    return (
        _environment(spoken)
        .get_template("portal.html.j2")
        .render(
            product_bar=pages.product_bar(
                "portal", language, switch=switch, here_address="#content", only_running=False
            ),
            policy=_policy(style, script),
            style=Markup(style),
            script=Markup(script),
            **_context(page, spoken),
        )
    )


def _policy(style: str, script: str) -> str:
    """The page's content security policy: exactly its own style and script, and nothing from anywhere."""
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _environment(spoken: Texts) -> Environment:
    templates = pages.environment(_HERE / "templates", spoken.language)
    words = _Words(spoken)
    templates.filters.update(
        age=words.age, layer=words.layer, sentence=words.sentence, prose=words.prose,
        share=_share, figure=_figure, anchor=_anchor, words=_searchable,
    )  # fmt: skip
    templates.globals["responsible"] = words.responsible
    return templates


class _Words:
    """What the portal says of one thing, in one language."""

    def __init__(self, spoken: Texts) -> None:
        self._t = spoken

    def age(self, value: timedelta | None) -> str:
        """How old something is, to the unit that says enough."""
        if value is None:
            return self._t.plain("portal.never_delivered")
        hours = value.total_seconds() / 3600
        if hours < 1:
            return self._t.plain("portal.age_minutes", value=f"{hours * 60:.0f}")
        if hours < 72:
            return self._t.plain("portal.age_hours", value=f"{hours:.0f}")
        return self._t.plain("portal.age_days", value=f"{hours / 24:.0f}")

    def layer(self, zone: str) -> Markup:
        """The name of a layer of the lake."""
        key = f"portal.layer_{zone}"
        return self._t(key) if self._t.has(key) else self._t.named(zone)

    def sentence(self, text: str) -> Markup:
        """What a check or a contract says; marked as English where it has no words in this language."""
        translated = self._t.phrase(text)
        if translated == text and self._t.language != DEFAULT and re.search("[A-Za-z]{2}", text):
            return Markup('<span lang="en">{}</span>').format(_with_code(text))
        return _with_code(translated)

    def prose(self, text: str) -> Markup:
        """The same as a whole sentence, with a capital and a full stop."""
        sentence = self.sentence(text)
        if self._t.language != DEFAULT:
            return sentence
        return Markup(sentence[:1].upper()) + sentence[1:] + ("" if text.endswith(".") else ".")

    def responsible(self, table: TableFacts) -> Markup:
        """Who answers for a table."""
        if table.steward:
            return Markup('<span translate="no">{} <span class="faint">({})</span></span>').format(
                table.steward, table.owner
            )
        if table.owner:
            return Markup('<span translate="no">{}</span>').format(table.owner)
        return self._t("portal.nobody_named")


def _context(page: Page, spoken: Texts) -> dict[str, Any]:
    failed = [result for result in page.results if not result.passed]
    blocking = sum(problem.is_blocking for problem in page.problems)
    warnings = len(page.problems) - blocking
    received = sum(s.received or s.landed + s.quarantined for s in page.sources)
    rejected = sum(s.quarantined for s in page.sources)
    by_source: dict[str, Counter[str]] = {}
    for q in page.rejected:
        by_source.setdefault(q.source, Counter())[q.reason] += q.rows
    zones = dict.fromkeys([*LAYERS, *(table.zone for table in page.tables)])
    lost = [s for s in page.sources if s.reconciles is False]
    columns = [(e, c) for e in page.entities for c in e.columns]
    return {
        "page": page,
        "headline": _headline(page, spoken, blocking=blocking, warnings=warnings, lost=len(lost)),
        "lost": lost,
        "passed": len(page.results) - len(failed),
        "blocking": blocking,
        "warnings": warnings,
        "delivering": sum(s.age is not None for s in page.sources),
        "fresh": sum(s.is_fresh for s in page.sources),
        "rejected": rejected,
        "reasons": sorted({q.reason for q in page.rejected}),
        "rejected_by_source": by_source,
        "largest_rejected": max((rows for counts in by_source.values() for rows in counts.values()), default=1),
        "rejected_share": _share(rejected, received),
        "stages": [Stage(zone, tuple(table for table in page.tables if table.zone == zone)) for zone in zones],
        "problems_shown": PROBLEMS_SHOWN,
        "days_shown": max((len(s.days) for s in page.sources), default=0),
        "classes": CLASSIFICATIONS,
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


def _headline(page: Page, spoken: Texts, *, blocking: int, warnings: int, lost: int) -> Markup:
    if not page.results:
        return spoken("portal.headline_unchecked")
    if blocking:
        return spoken("portal.headline_blocked", blocking)
    if lost:
        return spoken("portal.headline_lost", lost)
    if warnings:
        return spoken("portal.headline_warned", warnings)
    return spoken("portal.headline_passed", len(page.results))


def _with_code(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(Markup("<code>{}</code>").format(p) if n % 2 else p for n, p in enumerate(parts))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "–"


def _figure(value: float | None) -> str:
    """A share as a figure of linkage; rounded down, so that .9999 never reads as 1."""
    return "–" if value is None else f"{math.floor(value * 1000) / 1000:.3f}"


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _searchable(table: TableFacts) -> str:
    """What a reader may search a table by."""
    columns = sorted({check.result.column for check in table.checks if check.result.column})
    return " ".join([table.name, table.owner, table.steward, *columns]).lower()


if __name__ == "__main__":
    print(build())

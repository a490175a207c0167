"""How values, moments and counts are written on the page. Every value of a person goes through `value`."""

import unicodedata
from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from identity.links.link_history import BEGINNING
from web.person import history, journey

LONGEST_VALUE = 160
_SHOWN_OF_ID = 4
#: Why a pair waits for a judgement; an unknown reason is told by its name.
REASONS = {
    "NEAR_THRESHOLD": "The matcher cannot say",
    "CUT_BRIDGE": "A tie that was cut: its two sides contradict each other, or hang by it alone",
    "AMBIGUOUS": "A record that fits two people about equally well",
    "TOO_LARGE": "A tie inside a cluster too large to be believed",
}
_HERE = Path(__file__).parent


def environment() -> Environment:
    """The templates, with everything escaped and the filters below."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        value=value, held=held, moment=moment, day=day, spoken=spoken, number=number, bits=bits, share=share, tie=tie
    )
    made.globals.update(
        span_words=journey.SPAN_WORDS, troubles=journey.TROUBLES, ledger_words=history.words, reasons=REASONS
    )
    return made


def value(given: Any, longest: int = LONGEST_VALUE) -> Markup:
    """A value as its system holds it, harmless: escaped, isolated from the text around it, invisible marks shown by
    their code, cut where it is long."""
    text = _plain(given)
    shown = "".join(_visible(character) for character in text[:longest])
    rest = f"<span class=faint>… {len(text):,} characters</span>" if len(text) > longest else ""
    return Markup("<bdi>{}</bdi>{}").format(Markup(shown), Markup(rest))


def held(given: Any, name: str, longest: int = LONGEST_VALUE) -> Markup:
    """A value of a column or an identifier of that name. Of a national id only the end is shown: who compares needs
    no more, and the rest tells birth date and home."""
    if name == "national_id" and given is not None:
        text = str(given)
        return value("•" * max(0, len(text) - _SHOWN_OF_ID) + text[-_SHOWN_OF_ID:], longest)
    return value(given, longest)


def _visible(character: str) -> str:
    """Direction marks, zero-width and control characters can make one name look like another: their code is shown.

    The joiner of emoji is left, and the selector of their look.
    """
    if unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Zl", "Zp") and character != "\u200d":
        return f"<span class=mark>{ord(character):04X}</span>"
    return str(escape(character))


def _plain(given: Any) -> str:
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, datetime):
        return moment(given)
    if isinstance(given, date):
        return day(given)
    if isinstance(given, float):
        return f"{given:,.2f}"
    if isinstance(given, list):
        return ", ".join(_plain(item) for item in given)
    return str(given)


def moment(at: datetime | None) -> str:
    """A moment to the minute, UTC."""
    if at is None:
        return "–"
    return "the beginning" if at == BEGINNING else f"{at:%Y-%m-%d %H:%M}"


def day(at: date | None) -> str:
    """A day; `the beginning` for what held before the lake's first run."""
    if at is None:
        return "–"
    return "the beginning" if at == BEGINNING else f"{at:%Y-%m-%d}"


def spoken(name: str) -> str:
    """`customer_since` as a reader says it."""
    return name.replace("_", " ")


def number(count: int | None) -> str:
    """A count with its thousands."""
    return "–" if count is None else f"{count:,}"


def bits(strength: float) -> str:
    """A match strength: how many times the odds double. 20 bits are a million to one."""
    told = f"{strength:+.1f}" if abs(strength) < 10 else f"{strength:+.0f}"
    return told.replace("-", "−")


def share(part: float, whole: float) -> str:
    """A part of a whole in percent, as SVG takes it."""
    return f"{100 * min(1.0, part / whole) if whole else 0:.2f}%"


def tie(kind: str) -> str:
    """`SAME_ACCOUNT_ID` as a reader says it."""
    return "by itself" if kind == "SINGLETON" else kind.replace("_", " ").lower()

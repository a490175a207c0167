"""How values, moments and counts are written on a page, in the reader's language.

Every value of a person goes through `value` or `shown`, which make it harmless.
"""

import unicodedata
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

from identity.links.link_history import BEGINNING
from web.language import Texts

MAX_VALUE_LENGTH = 160
_SHOWN_OF_ID = 4
_HIDDEN_CATEGORIES = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
#: Joins several emoji into one picture.
_JOINER = "\u200d"


class Writing:
    """The filters of the templates in one language."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def filters(self) -> dict[str, Any]:
        """The filters by the name that templates use."""
        return {
            "value": self.value, "shown": self.shown, "moment": self.moment, "day": self.day, "number": number,
            "bits": bits, "share": share, "named": self._texts.named, "plain_name": self._texts.name,
        }  # fmt: skip

    def value(self, given: Any, longest: int = MAX_VALUE_LENGTH) -> Markup:
        """A value as its system holds it, harmless: escaped, isolated from the text around it, invisible marks shown
        by their code, cut where it is long."""
        text = self._plain(given)
        visible = Markup("").join(_visible(character) for character in text[:longest])
        rest = Markup("")
        if len(text) > longest:
            rest = Markup("<span class=faint>… {}</span>").format(self._texts("shared.characters", len(text)))
        return Markup("<bdi>{}</bdi>{}").format(visible, rest)

    def shown(self, given: Any, name: str, longest: int = MAX_VALUE_LENGTH) -> Markup:
        """A value of a column or an identifier of that name.

        Of a national id only the end is shown: who compares needs no more, and the rest tells birth date and home.
        """
        if name == "national_id" and given is not None:
            text = str(given)
            return self.value("•" * max(0, len(text) - _SHOWN_OF_ID) + text[-_SHOWN_OF_ID:], longest)
        return self.value(given, longest)

    def moment(self, at: datetime | None) -> str:
        """A moment to the minute, UTC; `the beginning` for what held before the lake's first run."""
        if at is None:
            return "–"
        return self._texts.plain("shared.beginning") if at == BEGINNING else f"{at:%Y-%m-%d %H:%M}"

    def day(self, at: date | None) -> str:
        """A day; `the beginning` for what held before the lake's first run."""
        if at is None:
            return "–"
        return self._texts.plain("shared.beginning") if at == BEGINNING else f"{at:%Y-%m-%d}"

    def _plain(self, given: Any) -> str:
        if isinstance(given, bool):
            return self._texts.plain("shared.yes" if given else "shared.no")
        if isinstance(given, datetime):
            return self.moment(given)
        if isinstance(given, date):
            return self.day(given)
        if isinstance(given, float):
            return f"{given:,.2f}"
        if isinstance(given, list):
            return ", ".join(self._plain(item) for item in given)
        return str(given)


def _visible(character: str) -> Markup:
    """Direction marks, zero-width and control characters can make one name look like another: their code is shown.

    The joiner of emoji is left, and the selector of their look.
    """
    if unicodedata.category(character) in _HIDDEN_CATEGORIES and character != _JOINER:
        return Markup("<span class=mark>{}</span>").format(f"{ord(character):04X}")
    return escape(character)


def number(count: int | None) -> str:
    """A count with its thousands."""
    return "–" if count is None else f"{count:,}"


def bits(strength: float) -> str:
    """A match strength: how many times the odds double. 20 bits are a million to one."""
    text = f"{strength:+.1f}" if abs(strength) < 10 else f"{strength:+.0f}"
    return text.replace("-", "−")


def share(part: float, whole: float) -> str:
    """A part of a whole in percent, as SVG takes it."""
    return f"{100 * min(1.0, part / whole) if whole else 0:.2f}%"

"""How values, moments and counts are written on the page. Every value of a person goes through `value`."""

import unicodedata
from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from identity.links.link_history import BEGINNING
from persons.journey import TROUBLES
from persons.reading import Row
from persons.reviews import OpenReview
from web.person.journey_picture import SPAN_WORDS, about
from web.person.waterfall import Step, Waterfall, pour

LONGEST_VALUE = 160
_SHOWN_OF_ID = 4
#: Why a pair waits for a judgement; an unknown reason is told by its name.
REASONS = {
    "NEAR_THRESHOLD": "The matcher cannot say",
    "CUT_BRIDGE": "A tie that was cut: its two sides contradict each other, or hang by it alone",
    "AMBIGUOUS": "A record that fits two people about equally well",
    "TOO_LARGE": "A tie inside a cluster too large to be believed",
}
#: Why nobody was found, and what to do.
NO_PERSON = {
    "not_understood": (
        "That is no id, no e-mail address and no telephone number",
        "Type one of the three: p_…, somebody@somewhere, or a number with its country code, as +86 136 0000 0000.",
    ),
    "empty_lake": ("This lake knows nobody yet", "Fill it first: lake run"),
    "person_id": (
        "Nobody in this lake has that id",
        "Ids are written p_ and twenty letters and digits.",
    ),
    "ended": (
        "Nobody in this lake has that id any more: the person's last record was withdrawn",
        "The list of changes below says what became of it.",
    ),
    "email": (
        "Nobody in this lake has that e-mail",
        "Check its spelling. A placeholder, or an address that many share, leads to nobody: try the telephone number.",
    ),
    "phone": (
        "Nobody in this lake has that phone number",
        "Give it with its country code, as +86. A number that many share leads to nobody: try the e-mail address.",
    ),
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
        span_words=SPAN_WORDS,
        troubles=TROUBLES,
        ledger_words=ledger_words,
        reasons=REASONS,
        about=about,
        waterfall_of=waterfall_of,
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


def waterfall_of(review: OpenReview) -> Waterfall:
    """The waterfall of a pair that waits for a judgement."""
    return pour([Step(*weight) for weight in review.weights], review.match_strength)


def ledger_words(event: Row, person_id: str | None = None) -> list[tuple[str, Any]]:
    """An event of the ledger as parts of a sentence, seen from a person or from outside: (`text` or `person`, what)."""
    subject, other = ("person", event["person_id"]), ("person", event["other_person_id"])
    records = f"{event['records']:,} record{'s' * (event['records'] != 1)}"
    if person_id is not None and event["other_person_id"] == person_id:
        sentences: dict[str, list[tuple[str, Any]]] = {
            "merge": [("text", f"Became part of another file, with {records}:"), subject],
            "split": [("text", f"Gave {records} to the new"), subject],
            "move": [("text", f"Gave {records} to"), subject],
        }
    else:
        sentences = {
            "birth": [("text", f"First seen, with {records}")],
            "merge": [("text", f"Took in {records} of"), other],
            "split": [("text", f"Parted off with {records} of"), other],
            "move": [("text", f"Received {records} of"), other],
            "end": [("text", f"Ended: the last of {records} was withdrawn")],
        }
    sentence = sentences.get(event["event_type"], [("text", event["event_type"])])
    return sentence if person_id is not None else [subject, *((kind, _lower(part)) for kind, part in sentence)]


def _lower(part: Any) -> Any:
    return part[:1].lower() + part[1:] if isinstance(part, str) and not part.startswith("p_") else part

"""The sentences of the page that are made of several texts: changes of the ledger, what an event is about."""

from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from persons.journey import TROUBLES
from persons.reading import Row
from persons.reviews import OpenReview
from web import pages
from web.language import Texts, texts
from web.person.journey_picture import Step as TimeStep
from web.person.journey_picture import Tick
from web.person.waterfall import Step, Waterfall, pour

_TEMPLATES = Path(__file__).parent / "templates"
_EVENT_KINDS_SHOWN = 5


def environment(language: str) -> Environment:
    """The templates of the page, in a language."""
    templates = pages.environment(_TEMPLATES, language)
    words = Words(texts(language))
    templates.filters.update(tie=words.tie)
    templates.globals.update(
        ledger=words.ledger,
        change=words.change,
        about=words.about,
        reason=words.reason,
        time_step=words.time_step,
        time_mark=words.tick,
        link=link,
        waterfall_of=waterfall_of,
        troubles=TROUBLES,
    )
    return templates


class Words:
    """What the page says of one thing, in one language."""

    def __init__(self, spoken: Texts) -> None:
        self._t = spoken

    def tie(self, kind: str) -> Markup:
        """`SAME_ACCOUNT_ID` as a reader says it."""
        return self._t("person.by_itself") if kind == "SINGLETON" else self._t.named(kind)

    def reason(self, code: str) -> Markup:
        """Why a pair waits for a judgement; an unknown reason is shown by its code."""
        key = f"person.reason_{code}"
        return self._t(key) if self._t.has(key) else self._t.named(code)

    def ledger(self, event: Row, person_id: str) -> Markup:
        """An event of the ledger, seen from a person of it."""
        is_other = event["other_person_id"] == person_id
        return self._event("ledger", event, "_away" if is_other else "")

    def change(self, event: Row) -> Markup:
        """An event of the ledger, seen from outside."""
        return self._event("change", event, "")

    def _event(self, view: str, event: Row, ending: str) -> Markup:
        key = f"person.{view}_{event['event_type']}{ending}"
        if not self._t.has(key):
            return self._t.named(event["event_type"])
        return self._t(
            key,
            records=self._t("person.records", event["records"]),
            person=link(event["person_id"]),
            other=link(event["other_person_id"]),
        )

    def about(self, event: Row) -> list[str]:
        """What an event says besides its kind, the shortest first; each part once."""
        parts = [self._t.name(event[name]) for name in ("detail", "product_category") if event[name] is not None]
        if event["amount_cny"] is not None:
            parts.append(f"{event['amount_cny']:,.2f} CNY")
        if event["score"] is not None:
            parts.append(self._t.plain("person.about_score", value=f"{event['score']:g}"))
        if event["delay_minutes"]:
            parts.append(self._t.plain("person.about_delay", value=f"{event['delay_minutes']:+,.0f}"))
        if event["duration_ms"] is not None:
            parts.append(_duration(event["duration_ms"]))
        for name in ("order", "case", "campaign", "branch"):
            if event[f"{name}_id"] is not None:
                parts.append(self._t.plain(f"person.about_{name}", value=event[f"{name}_id"]))
        return list(dict.fromkeys(parts))

    def time_step(self, step: TimeStep) -> str:
        """What happened in a step of time: its days and its most frequent events."""
        begin, end = f"{step.begins_at:%Y-%m-%d}", f"{step.ends_at:%Y-%m-%d}"
        days = begin if begin == end else self._t.plain("person.to", begin=begin, end=end)
        counted = [
            self._t.plain("person.step_events", count, event=self._t.name(kind))
            for kind, count in step.kinds[:_EVENT_KINDS_SHOWN]
        ]
        return f"{days}: {', '.join(counted)}{', …' if len(step.kinds) > _EVENT_KINDS_SHOWN else ''}"

    def tick(self, tick: Tick) -> str:
        """A mark of the time axis."""
        return self._t.plain(
            f"person.tick_{tick.unit}", month=f"{tick.moment:%b}", number=tick.moment.month, year=tick.moment.year
        )


def link(person_id: str | None) -> Markup:
    """A person's id that leads to the file."""
    return Markup('<a href="/person/{0}"><code>{0}</code></a>').format(person_id) if person_id else Markup("")


def waterfall_of(review: OpenReview) -> Waterfall:
    """The waterfall of a pair that waits for a judgement."""
    return pour([Step(*weight) for weight in review.weights], review.match_strength)


def _duration(milliseconds: Any) -> str:
    return f"{milliseconds:,} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"

"""Campaigns: what was sent to whom, what became of it, and the action lists with their outcomes.

It knows an e-mail address and, for half of the people, a loyalty number.
"""

import numpy as np
import pyarrow as pa

from contracts.contract_file import load_contract
from infra.sandbox.life import effects
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.system_views import email_as_typed, loyalty_shown, wrong_values
from infra.sandbox.rows.contract_rows import Shaped, at_rows
from infra.sandbox.rows.draw import DAY, HOUR, MINUTE, Draw, Flags, Ints, Text, numbered, only, text, where
from infra.sandbox.systems.orders import order_ids

_DEPARTMENTS = ("retail", "wealth", "insurance", "digital", "service")
_CATEGORIES = ("grocery", "savings", "insurance", "electronics", "service")
_CHANNELS = ("email", "sms", "app", "wechat", "phone", "post")


def make(journeys: Journeys) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("campaigns"))
    draw = journeys.window.draw(60)
    _messages(out, draw, journeys)
    _coupons(out, draw, journeys)
    _lists(out, draw, journeys)
    return out


def _messages(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    people, window = journeys.people, journeys.window
    counts = draw.rng.poisson(11.0 * window.years, len(people))
    person = np.repeat(np.arange(len(people), dtype=np.int64), counts)
    size = len(person)
    # Every Tuesday and Friday a campaign goes out; the hour is the person's own for who is treated to it.
    slots = np.flatnonzero(np.isin((window.start // DAY + np.arange(window.days) + 3) % 7, (1, 4)))
    slot = slots[draw.between(0, max(len(slots), 1), size)] if len(slots) else np.zeros(size, dtype=np.int64)
    obeyed = draw.flags(size, effects.PREFERENCE_OBEYED)
    hour = np.where(obeyed, people.hour[person], draw.between(8, 22, size))
    channel = np.where(
        draw.flags(size, effects.PREFERENCE_OBEYED), people.channel[person], draw.index(size, [35, 20, 20, 15, 4, 6])
    )
    at = window.start + slot * DAY + hour * HOUR + draw.between(0, HOUR, size)
    keep = np.flatnonzero(journeys.here(person, at))
    person, at, slot, hour, channel = (values[keep] for values in (person, at, slot, hour, channel))
    size = len(person)
    number = window.numbers(size)
    day = window.start // DAY + slot
    department = day % 5
    campaign = numbered("CA", day * 10 + department)
    reminder = draw.flags(size, 0.12)
    email = email_as_typed(draw, wrong_values(draw, people=people, index=person, column="email"))
    has_loyalty = draw.flags(size, 0.55)
    identity: dict[str, Text] = {
        "email": only((channel == 0) | draw.flags(size, 0.85) | ~has_loyalty, email),
        "loyalty_no": only(has_loyalty, text(people.loyalty_no, person)),
        "campaign_id": campaign,
    }
    out.add(
        "sends",
        person=people.number[person],
        delivered=at + draw.exponential(20 * MINUTE, size) + MINUTE,
        columns={
            **identity,
            "send_id": send_ids(number),
            "department": text(_DEPARTMENTS, department),
            "purpose": draw.pick(("marketing", "service", "research"), size, [85, 10, 5]),
            "channel": text(_CHANNELS, channel),
            "is_reminder": reminder,
            "random_arm": draw.pick(("treatment", "control"), size, [80, 20]),
            "product_category": text(_CATEGORIES, department),
            "sent_hour": hour,
            "event_at": at,
        },
    )
    liked = (hour == people.hour[person]) * 0.12 + (channel == people.channel[person]) * 0.10
    opened = np.flatnonzero(draw.flags(size, 0.10 + liked + 0.05 * np.clip(people.digital[person], 0, 2)))
    opened_at = at[opened] + draw.exponential(3 * HOUR, len(opened)) + MINUTE
    _reactions(
        out,
        draw=draw,
        journeys=journeys,
        identity=identity,
        person=person,
        number=number,
        opened=opened,
        opened_at=opened_at,
        channel=channel,
    )


def send_ids(number: Ints) -> Text:
    """Message numbers as reactions refer to them."""
    return numbered("S", number)


def _reactions(
    out: Shaped,
    *,
    draw: Draw,
    journeys: Journeys,
    identity: dict[str, Text],
    person: Ints,
    number: Ints,
    opened: Ints,
    opened_at: Ints,
    channel: Ints,
) -> None:
    people = journeys.people

    def add(entity: str, rows: Ints, at: Ints, columns: dict[str, object]) -> None:
        shared = {name: values.take(pa.array(rows)) for name, values in identity.items()}
        out.add(
            entity,
            person=people.number[person[rows]],
            delivered=at + draw.exponential(40 * MINUTE, len(rows)),
            columns={**shared, "send_id": send_ids(number[rows]), "event_at": at, **columns},
        )

    here = journeys.here(person[opened], opened_at)
    opened, opened_at = opened[here], opened_at[here]
    add("opens", opened, opened_at, {"open_id": numbered("SO", number[opened])})
    clicking: Flags = draw.flags(len(opened), 0.26)
    clicked, clicked_at = opened[clicking], opened_at[clicking] + draw.exponential(4 * MINUTE, int(clicking.sum()))
    add(
        "clicks",
        clicked,
        clicked_at,
        {
            "click_id": numbered("SC", number[clicked]),
            "link": draw.pick(("offer", "terms", "shop", "app_store"), len(clicked), [60, 10, 25, 5]),
        },
    )
    leaving: Flags = draw.flags(len(opened), 0.012)
    unsubscribed, unsubscribed_at = opened[leaving], opened_at[leaving] + 2 * MINUTE
    add(
        "unsubscribes",
        unsubscribed,
        unsubscribed_at,
        {"unsubscribe_id": numbered("SU", number[unsubscribed]), "channel": text(_CHANNELS, channel[unsubscribed])},
    )


def _coupons(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    people, orders = journeys.people, journeys.orders
    keep = np.flatnonzero(journeys.orders_kept() & draw.flags(len(orders.at), 0.09))
    person, at, size = orders.person[keep], orders.at[keep] + MINUTE, len(keep)
    out.add(
        "coupon_redemptions",
        person=people.number[person],
        delivered=at + draw.exponential(1 * HOUR, size),
        columns={
            "redemption_id": numbered("RD", orders.number[keep]),
            "campaign_id": numbered("CA", at // DAY // 7 * 70),
            "email": wrong_values(draw, people=people, index=person, column="email"),
            "loyalty_no": loyalty_shown(draw, people=people, index=person, chance=0.6),
            "coupon_code": numbered("CP", orders.number[keep] % 997, 4),
            "order_id": order_ids(orders.number[keep]),
            "discount_cny": np.round(np.exp(draw.rng.normal(3.4, 0.6, size)), 2),
            "event_at": at,
        },
    )


def _lists(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    """Once when the list is made, once 60 days later with what came of it: the same event_at, known much later."""
    people, listed, window = journeys.people, journeys.listed, journeys.window
    keep = np.flatnonzero(journeys.here(listed.person, listed.at))
    person, at, size = listed.person[keep], listed.at[keep], len(keep)
    trial, treated, contacted = listed.is_trial[keep], listed.is_treated[keep], listed.is_contacted[keep]
    month = numbered("L", (at - window.world_start) // (30 * DAY) + 100)
    columns: dict[str, object] = {
        "list_outcome_id": numbered("LO", listed.number[keep]),
        "list_id": pa.compute.binary_join_element_wise(month, where(trial, "T", "R"), "-"),
        "email": wrong_values(draw, people=people, index=person, column="email"),
        "loyalty_no": loyalty_shown(draw, people=people, index=person, chance=0.7),
        "offer": where(trial, "friendly_call", "fee_waiver"),
        "rule": where(trial, "random_trial", "risk_top_decile"),
        "risk_score": listed.score[keep],
        "random_arm": only(trial, where(treated, "treatment", "control")),
        "is_contacted": contacted,
        "event_at": at,
    }
    answer = where(contacted, draw.pick(("accepted", "declined", "no_answer"), size, [45, 30, 25]), "no_answer")
    out.add(
        "list_outcomes",
        person=people.number[person],
        delivered=at + 2 * HOUR,
        columns={**columns, "outcome": only(contacted, answer)},
    )
    later = at + 60 * DAY
    rows = np.flatnonzero(later < window.end)
    chosen = at_rows(columns, rows)
    out.add(
        "list_outcomes",
        person=people.number[person[rows]],
        delivered=later[rows] + HOUR,
        kind="update",
        columns={
            **chosen,
            "outcome": where(journeys.left_at[person[rows]] > later[rows], "retained", "lost"),
        },
    )

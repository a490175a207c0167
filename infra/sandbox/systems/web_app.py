"""Site and app: sessions with their pages, clicks and log-ins, and robots that look like nobody.

It knows a cookie, on phones a device, and after a log-in the account.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from contracts.contract_file import load_contract
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.system_views import Accounts, Digital
from infra.sandbox.rows.contract_rows import Shaped, at_rows
from infra.sandbox.rows.draw import (
    SECOND,
    Draw,
    Flags,
    Ints,
    Text,
    numbered,
    only,
    place_in_group,
    repeat_each,
    stamps,
    text,
    where,
)
from infra.sandbox.systems.orders import account_of

_PLATFORMS = ("web", "ios", "android", "mini_program")
_PAGES = ("/", "/product", "/cart", "/checkout", "/payment", "/done", "/help", "/claims", "/orders", "/profile")
_STEPS = ("landing", "product", "cart", "checkout", "payment", "done")
_ELEMENTS = ("buy", "search", "menu", "banner", "chat", "download")


@dataclass
class Sessions:
    """One value per session; `person` is -1 for robots."""

    person: Ints
    at: Ints
    pages: Ints
    number: Ints
    cookie: Text
    device: Text
    account: Text
    logs_in: Flags
    world_person: Ints
    end: Ints


def make(journeys: Journeys, accounts: Accounts, digital: Digital) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("web_app"))
    draw = journeys.window.draw(80)
    sessions = _sessions(out, draw=draw, journeys=journeys, accounts=accounts, digital=digital)
    _views(out, draw, sessions)
    _logins(out, draw, sessions)
    return out


def _sessions(out: Shaped, *, draw: Draw, journeys: Journeys, accounts: Accounts, digital: Digital) -> Sessions:
    people, window = journeys.people, journeys.window
    person, at = window.happen(draw, people, 3.6 * people.digital)
    keep = np.flatnonzero(journeys.here(person, at))
    person, at = person[keep], at[keep]
    humans = len(person)
    # Robots: three in a hundred sessions, each with a dozen pages within a minute; a few are known as such.
    bots = int(humans * 0.03)
    bot_at = window.start + draw.between(0, window.end - window.start, bots)
    is_bot = np.arange(humans + bots) >= humans
    size = humans + bots
    at = np.concatenate([at, bot_at])
    who = np.concatenate([person, np.zeros(bots, dtype=np.int64)])
    in_app = digital.has_app[who] & draw.flags(size, 0.55) & ~is_bot
    platform = np.where(in_app, 1 + (people.number[who] % 2), np.where(draw.flags(size, 0.2), 3, 0))
    browser = draw.flags(size, 0.35)
    cookie = where(browser, text(digital.cookies[1], who), text(digital.cookies[0], who))
    cookie = where(is_bot, numbered("ck-", draw.between(2**60, 2**62, size)), cookie)
    logs_in = draw.flags(size, np.where(in_app, 0.6, 0.3)) & ~is_bot
    account = text(accounts.account_id, account_of(journeys, accounts=accounts, person=who, at=at))
    pages = np.where(is_bot, 10 + draw.rng.poisson(4, size), 1 + draw.rng.poisson(1.0, size))
    length = np.where(is_bot, 40 * SECOND, pages * (20 * SECOND + draw.exponential(35 * SECOND, size)))
    number = window.numbers(size)
    sessions = Sessions(
        person=np.where(is_bot, -1, who),
        at=at,
        pages=pages,
        number=number,
        cookie=cookie,
        device=only(in_app, text(digital.device, who)),
        account=only(logs_in, account),
        logs_in=logs_in,
        world_person=np.where(is_bot, -1, people.number[who]),
        end=at + length,
    )
    out.add(
        "sessions",
        person=sessions.world_person,
        delivered=sessions.end + draw.exponential(20 * 60 * SECOND, size) + 60 * SECOND,
        columns={
            "session_id": session_ids(number),
            "cookie_id": cookie,
            "device_id": sessions.device,
            "account_id": sessions.account,
            "platform": text(_PLATFORMS, platform),
            "is_bot": where(is_bot & draw.flags(size, 0.4), True, where(draw.flags(size, 0.9), False, None)),
            "started_at": stamps(at),
            "ended_at": stamps(sessions.end),
            "pages_count": pages,
            "event_at": at,
        },
    )
    return sessions


def session_ids(number: Ints) -> Text:
    """Session numbers as site, app and server logs write them."""
    return numbered("SE", number)


def _views(out: Shaped, draw: Draw, sessions: Sessions) -> None:
    of, place = repeat_each(sessions.pages), place_in_group(sessions.pages)
    size = len(of)
    # A funnel: each page goes one step further with chance 0.62, else it is one of the other pages.
    further = draw.flags(size, 0.62)
    page = np.where(further, np.minimum(place, 5), 6 + draw.between(0, 4, size))
    span = (sessions.end - sessions.at) // np.maximum(sessions.pages, 1)
    at = sessions.at[of] + place * span[of]
    delivered = at + draw.exponential(15 * 60 * SECOND, size) + 30 * SECOND
    ids = {
        "session_id": session_ids(sessions.number[of]),
        "cookie_id": sessions.cookie.take(pa.array(of)),
        "device_id": sessions.device.take(pa.array(of)),
    }
    columns: dict[str, object] = {**ids, "page": text(_PAGES, page), "event_at": at}
    out.add(
        "page_views",
        person=sessions.world_person[of],
        delivered=delivered,
        columns={
            **columns,
            "page_view_id": numbered("PV", sessions.number[of] * 40 + place),
            "funnel_step": only(page < 6, text(_STEPS, np.minimum(page, 5))),
            "duration_ms": np.minimum(span[of] // 1_000, 86_400_000),
        },
    )
    clicked = np.flatnonzero(draw.flags(size, 0.38))
    chosen = at_rows(columns, clicked)
    out.add(
        "clicks",
        person=sessions.world_person[of[clicked]],
        delivered=delivered[clicked] + SECOND,
        columns={
            **chosen,
            "click_id": numbered("WC", sessions.number[of[clicked]] * 40 + place[clicked]),
            "element": draw.pick(_ELEMENTS, len(clicked), [25, 20, 20, 15, 10, 10]),
            "event_at": at[clicked] + 4 * SECOND,
        },
    )


def _logins(out: Shaped, draw: Draw, sessions: Sessions) -> None:
    """A failed attempt (no account yet) comes before one log-in in eight."""
    rows = np.flatnonzero(sessions.logs_in)
    failed = rows[draw.flags(len(rows), 0.12)]
    for of, successful, after in ((failed, False, 3), (rows, True, 9)):
        at = sessions.at[of] + after * SECOND
        out.add(
            "logins",
            person=sessions.world_person[of],
            delivered=at + draw.exponential(10 * 60 * SECOND, len(of)) + 20 * SECOND,
            columns={
                "login_id": numbered("LG", sessions.number[of] * 10 + int(successful)),
                "session_id": session_ids(sessions.number[of]),
                "cookie_id": sessions.cookie.take(pa.array(of)),
                "device_id": sessions.device.take(pa.array(of)),
                "account_id": sessions.account.take(pa.array(of)) if successful else None,
                "is_successful": successful,
                "event_at": at,
            },
        )

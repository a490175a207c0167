"""Voice of the customer: invitations, answers (NPS, CSAT, CES), public mentions, the experience-officer panel.

It knows an e-mail address or a phone number, or only a social handle. Unhappy people answer more often.
"""

import numpy as np
import pyarrow as pa

from contracts.contract_file import load_contract
from infra.sandbox.life import effects
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.households import People
from infra.sandbox.people.system_views import phone_as_typed, wrong_values
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import DAY, HOUR, MINUTE, Draw, Floats, Ints, Text, dates, numbered, only, text, where
from infra.sandbox.systems.contact_centre import case_ids
from infra.sandbox.systems.service_delivery import delivery_ids

_COMMENTS = (
    ("Great, fast and friendly.", "非常满意，速度很快。", "All good, thank you.", "服务很好"),
    ("Fine.", "一般般", "Nothing special.", "还可以"),
    (
        "Waited for hours, nobody could tell me anything.",
        "等了很久，没有人解释。",
        "Passed from desk to desk.",
        "太慢了，很失望。",
    ),
)
_TRIGGERS = ("order", "contact", "delivery", "claim", "relationship")


def make(journeys: Journeys) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("voice_of_customer"))
    draw = journeys.window.draw(70)
    _surveys(out, draw, journeys)
    _mentions(out, draw, journeys)
    _panel(out, draw, journeys)
    return out


def _occasions(draw: Draw, journeys: Journeys) -> tuple[Ints, Ints, Floats, Ints, Text]:
    """Who may be asked, when, how satisfied they are, by which trigger and its id."""
    people, deliveries, cases = journeys.people, journeys.deliveries, journeys.cases
    done = np.flatnonzero(journeys.deliveries_kept() & ~deliveries.is_cancelled)
    closed = np.flatnonzero(journeys.cases_kept() & (cases.delivery < 0))
    own, own_at = journeys.window.happen(draw, people, np.full(len(people), 0.5))
    mood = 0.45 * people.mood[own] + np.sqrt(1 - 0.45**2) * draw.rng.standard_normal(len(own))
    size = (len(done), len(closed), len(own))
    return (
        np.concatenate([deliveries.person[done], cases.person[closed], own]),
        np.concatenate([deliveries.actual[done] + 20 * HOUR, cases.at[closed] + 30 * HOUR, own_at]),
        np.concatenate([deliveries.satisfaction[done], cases.satisfaction[closed], mood]),
        np.repeat(np.array([2, 1, 4], dtype=np.int64), size),
        pa.concat_arrays(
            [delivery_ids(deliveries.number[done]), case_ids(cases.number[closed]), pa.nulls(len(own), pa.string())]
        ),
    )


def _surveys(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    people, window = journeys.people, journeys.window
    person, at, felt, trigger, trigger_id = _occasions(draw, journeys)
    # The proxy trap: one postcode cluster is asked far less often.
    chance = effects.INVITED_SHARE * np.where(people.is_proxy[person], effects.PROXY_INVITED_RATIO, 1.0)
    keep = np.flatnonzero(draw.flags(len(person), chance) & journeys.here(person, at))
    person, at, felt, trigger = person[keep], at[keep], felt[keep], trigger[keep]
    size = len(keep)
    number = window.numbers(size)
    treated = draw.flags(size, 0.5)
    by_email = draw.flags(size, 0.65)
    columns: dict[str, object] = {
        "survey": text(("nps", "csat", "ces"), np.where(trigger == 4, 0, np.where(trigger == 2, 1, 2))),
        "email": only(by_email, wrong_values(draw, people=people, index=person, column="email")),
        "phone": only(~by_email, phone_as_typed(draw, wrong_values(draw, people=people, index=person, column="phone"))),
    }
    invitations: dict[str, object] = {
        **columns,
        "department": draw.pick(("retail", "wealth", "insurance", "digital", "service"), size),
        "purpose": "survey",
        "channel": where(by_email, "email", draw.pick(("sms", "wechat"), size)),
        "random_arm": where(treated, "treatment", "control"),
        "trigger": text(_TRIGGERS, trigger),
        "trigger_id": trigger_id.take(pa.array(keep)),
    }
    out.add(
        "invitations",
        person=people.number[person],
        delivered=at + draw.exponential(10 * MINUTE, size),
        columns={
            **invitations,
            "invitation_id": invitation_ids(number, 0),
            "is_reminder": False,
            "event_at": at,
        },
    )
    logit = -2.86 - effects.SURVEY_UNHAPPY_LOGIT * felt
    first = draw.flags(size, 1 / (1 + np.exp(-logit)))
    # Who has not answered in three days is reminded or not by chance.
    reminded = ~first & treated & journeys.here(person, at + 3 * DAY)
    second = reminded & draw.flags(size, (1 / (1 + np.exp(-logit - effects.REMINDER_LOGIT))) * 0.5)
    rows = np.flatnonzero(reminded)
    again = {
        name: value.take(pa.array(rows)) if isinstance(value, pa.Array) else value
        for name, value in invitations.items()
    }
    out.add(
        "invitations",
        person=people.number[person[rows]],
        delivered=at[rows] + 3 * DAY + 5 * MINUTE,
        columns={
            **again,
            "invitation_id": invitation_ids(number[rows], 1),
            "is_reminder": True,
            "event_at": at[rows] + 3 * DAY,
        },
    )
    answered = np.flatnonzero(first | second)
    late = second[answered]
    replied = at[answered] + np.where(late, 3 * DAY, 0) + draw.exponential(9 * HOUR, len(answered)) + 5 * MINUTE
    comments = _comments(draw, felt[answered])
    out.add(
        "responses",
        person=people.number[person[answered]],
        delivered=replied + draw.exponential(3 * MINUTE, len(answered)),
        columns={
            **{name: value.take(pa.array(answered)) for name, value in columns.items() if isinstance(value, pa.Array)},
            "response_id": numbered("RE", number[answered]),
            "invitation_id": pa.compute.if_else(
                pa.array(late), invitation_ids(number[answered], 1), invitation_ids(number[answered], 0)
            ),
            "score": scores(felt[answered]),
            "event_at": replied,
            "comment": only(draw.flags(len(answered), 0.55), comments),
        },
    )


def _comments(draw: Draw, felt: Floats) -> Text:
    """A comment for every answer, as glad or as angry as the person is."""
    mood = np.where(felt > 0.4, 0, np.where(felt > -0.6, 1, 2))
    glad, neutral, angry = (draw.pick(lines, len(felt)) for lines in _COMMENTS)
    return where(mood == 0, glad, where(mood == 1, neutral, angry))


def invitation_ids(number: Ints, reminder: int) -> Text:
    """Invitation numbers; the reminder of one has the next number."""
    return numbered("IN", number * 10 + reminder)


def scores(satisfaction: Floats) -> Ints:
    """0 to 10 from latent satisfaction in SD: 6.8 for nought, two points per SD."""
    return np.clip(np.rint(6.8 + 2.0 * satisfaction), 0, 10).astype(np.int64)


def _mentions(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    people = journeys.people
    speaks = (people.number * 31 % 100) < 15
    person, at = journeys.window.happen(draw, people, np.where(speaks, 0.9, 0.0))
    keep = np.flatnonzero(journeys.here(person, at))
    person, at, size = person[keep], at[keep], len(keep)
    feeling = np.clip(0.35 * people.mood[person] + draw.rng.normal(-0.05, 0.4, size), -1, 1)
    tone = np.where(feeling > 0.25, 0, np.where(feeling > -0.25, 1, 2))
    words = [draw.pick(lines, size) for lines in _COMMENTS]
    out.add(
        "social_mentions",
        person=people.number[person],
        delivered=at + draw.exponential(2 * HOUR, size),
        columns={
            "mention_id": numbered("ME", journeys.window.numbers(size)),
            "social_handle": text(people.handle, person),
            "network": text(("weibo", "wechat", "douyin", "xiaohongshu", "x"), (people.number[person] * 17) % 5),
            "email": only(draw.flags(size, 0.3), text(people.email, person)),
            "reach": np.minimum(np.exp(draw.rng.normal(5, 2, size)).astype(np.int64), 10**7),
            "sentiment": np.round(feeling, 3),
            "text": where(tone == 0, words[0], where(tone == 1, words[1], words[2])),
            "event_at": at,
        },
    )


def _panel(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    """One person in sixty is an experience officer and reports about every two months."""
    people, window = journeys.people, journeys.window
    members = np.flatnonzero(people.number * 53 % 60 == 7)
    fixed = Draw(window.seed, window.block, 71)
    joined = window.world_start + fixed.between(0, 40, len(members)) * DAY + 10 * HOUR
    if window.stretch == 0:
        new = np.flatnonzero((joined < window.end) & (joined < journeys.left_at[members]))
        _join(out, draw=draw, people=people, person=members[new], joined=joined[new])
    person, at = window.happen(draw, people, np.where(np.isin(np.arange(len(people)), members), 6.0, 0.0))
    since = np.zeros(len(people), dtype=np.int64)
    since[members] = joined
    keep = np.flatnonzero(journeys.here(person, at) & (at > since[person]))
    person, at, size = person[keep], at[keep], len(keep)
    felt = people.mood[person] * 0.5 + draw.rng.normal(0, 0.9, size)
    out.add(
        "panel_reports",
        person=people.number[person],
        delivered=at + draw.exponential(30 * MINUTE, size),
        columns={
            "panel_report_id": numbered("PR", window.numbers(size)),
            "panel_member_id": member_ids(people, person),
            "topic": draw.pick(("branch", "app", "delivery", "claims", "call"), size),
            "score": scores(felt),
            "text": draw.pick(_COMMENTS[1] + _COMMENTS[2] + _COMMENTS[0], size),
            "event_at": at,
        },
    )


def member_ids(people: People, person: Ints) -> Text:
    """Panel numbers."""
    return numbered("PM", 1_000_000 + people.number[person])


def _join(out: Shaped, *, draw: Draw, people: People, person: Ints, joined: Ints) -> None:
    out.add(
        "panel_members",
        person=people.number[person],
        delivered=joined + draw.exponential(1 * HOUR, len(person)),
        columns={
            "panel_member_id": member_ids(people, person),
            "email": text(people.email, person),
            "phone": phone_as_typed(draw, text(people.phone, person)),
            "joined_on": dates(joined),
            "event_at": joined,
        },
    )

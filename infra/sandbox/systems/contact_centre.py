"""Contact centre: contacts of every channel, what happened in them, complaints and goodwill.

It knows a phone number, a name as heard, sometimes the CRM number. A tenth of the calls come over a shared line.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.contract_file import load_contract
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.households import People
from infra.sandbox.people.system_views import CALL_CENTRE_PHONE, phone_as_typed, with_errors, wrong_values
from infra.sandbox.rows.contract_rows import Shaped, at_rows
from infra.sandbox.rows.draw import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Draw,
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
from infra.sandbox.systems.orders import order_ids

_REASONS = ("billing", "delivery", "product", "claim", "technical", "complaint", "retention", "information", "renewal")
_CHANNELS = ("call", "chat", "email", "wechat", "branch")
#: Preferred channel of a person (`people.CHANNELS`) -> channel of a contact.
_BY_PREFERENCE = np.array([2, 0, 1, 3, 0], dtype=np.int64)
_NOTES = (
    "Customer asked about the status and was told the expected date.",
    "客户询问进度，已告知预计时间。",
    "Caller upset about the delay; promised to call back.",
    "客户对延误不满，承诺回电。",
    "Explained the bill line by line.",
    "已协助修改联系方式。",
    "Problem with log-in, password reset.",
    "客户要求退款，已转交处理。",
)
_SAID = (
    ("Where is my order?", "我的订单到哪里了？", "This is the second time I ask.", "Thank you.", "谢谢"),
    ("Let me look that up for you.", "请稍等，我帮您查询。", "It will arrive tomorrow.", "已为您登记。"),
    ("Welcome! Please describe your question.", "您好，请描述您的问题。"),
)


def make(journeys: Journeys, crm_person: Ints, crm_ids: Text) -> Shaped:
    """Rows of the window. `crm_person` and `crm_ids` say which CRM numbers a person has."""
    out = Shaped(load_contract("contact_centre"))
    draw = journeys.window.draw(50)
    crm_of = _crm_ids(len(journeys.people), crm_person, crm_ids)
    _contacts(out, draw=draw, journeys=journeys, crm_of=crm_of)
    _closings(out, draw, journeys)
    _complaints(out, draw=draw, journeys=journeys, crm_of=crm_of)
    return out


def case_ids(number: Ints) -> Text:
    """Case numbers as written on every contact of the case."""
    return numbered("K", number)


def _crm_ids(people: int, crm_person: Ints, crm_ids: Text) -> Text:
    """One CRM number per person, null for who has none."""
    place = np.full(people, -1, dtype=np.int64)
    place[crm_person] = np.arange(len(crm_person))
    return only(place >= 0, crm_ids.take(pa.array(np.maximum(place, 0))))


def _phones(draw: Draw, people: People, person: Ints) -> Text:
    shared = draw.flags(len(person), 0.01)
    return phone_as_typed(
        draw, where(shared, CALL_CENTRE_PHONE, wrong_values(draw, people=people, index=person, column="phone"))
    )


def _contacts(out: Shaped, *, draw: Draw, journeys: Journeys, crm_of: Text) -> None:
    people, cases, contacts = journeys.people, journeys.cases, journeys.contacts
    keep = np.flatnonzero(
        journeys.cases_kept()[contacts.case] & journeys.here(cases.person[contacts.case], contacts.at)
    )
    case = contacts.case[keep]
    person, at, size = cases.person[case], contacts.at[keep], len(keep)
    obeyed = draw.flags(size, 0.7)
    channel = np.where(obeyed, _BY_PREFERENCE[people.channel[person]], draw.index(size, [50, 20, 12, 12, 6]))
    by_phone = channel == 0
    linked = cases.delivery[case] >= 0
    reason = np.where(linked, 1, draw.index(len(cases.at), [18, 0, 15, 8, 14, 8, 6, 20, 11])[case])
    order = (
        journeys.orders.number[journeys.deliveries.order[cases.delivery[case]]]
        if len(journeys.deliveries.order)
        else case
    )
    handle = (240 * np.exp(draw.rng.normal(0, 0.6, size)) * (1 + 0.5 * contacts.transfers[keep])).astype(np.int64)
    name = where(draw.flags(size, 0.5), people.full_name_latin(person), people.full_name(person))
    heard = with_errors(draw, name, np.where(by_phone, 0.06, 0.01) > draw.rng.random(size))
    delivered = at + handle * SECOND + draw.between(5, 300, size) * SECOND
    out.add(
        "contacts",
        person=people.number[person],
        delivered=delivered // MINUTE * MINUTE + MINUTE,
        columns={
            "contact_id": numbered("CO", contacts.number[keep]),
            "case_id": case_ids(cases.number[case]),
            "phone": only(by_phone | draw.flags(size, 0.6), _phones(draw, people, person)),
            "email": only(
                (channel == 2) | draw.flags(size, 0.25), wrong_values(draw, people=people, index=person, column="email")
            ),
            "caller_name": only(draw.flags(size, 0.9), heard),
            "crm_id": only(draw.flags(size, 0.45), text(crm_of, person)),
            "order_id": only(linked & draw.flags(size, 0.8), order_ids(order)),
            "channel": text(_CHANNELS, channel),
            "direction": where((contacts.place[keep] > 0) & draw.flags(size, 0.3), "outbound", "inbound"),
            "reason_code": text(_REASONS, reason),
            "desk": where(cases.is_vip_desk[case], "vip", "standard"),
            "agent_id": numbered("AG", draw.between(1, 120, size), 3),
            "wait_seconds": np.minimum(draw.exponential(90, size), 3_600),
            "handle_seconds": np.minimum(handle, 14_400),
            "note": only(draw.flags(size, 0.7), draw.pick(_NOTES, size)),
            "event_at": at,
        },
    )
    _within(out, draw=draw, journeys=journeys, keep=keep, at=at, delivered=delivered, is_chat=channel == 1)


def _within(
    out: Shaped, *, draw: Draw, journeys: Journeys, keep: Ints, at: Ints, delivered: Ints, is_chat: Ints
) -> None:
    people, cases, contacts = journeys.people, journeys.cases, journeys.contacts
    of = repeat_each(contacts.transfers[keep])
    place = place_in_group(contacts.transfers[keep])
    case = contacts.case[keep][of]
    desks = ("first_line", "billing_desk", "delivery_desk", "claims_desk", "technical_desk", "back_office")
    first = draw.between(0, 6, len(of))
    moved_at = at[of] + (place + 1) * 70 * SECOND
    out.add(
        "transfers",
        person=people.number[cases.person[case]],
        delivered=delivered[of] // MINUTE * MINUTE + MINUTE,
        columns={
            "transfer_id": numbered("TR", contacts.number[keep][of] * 20 + place),
            "contact_id": numbered("CO", contacts.number[keep][of]),
            "case_id": case_ids(cases.number[case]),
            "from_desk": text(desks, first),
            "to_desk": text(desks, (first + draw.between(1, 6, len(of))) % 6),
            "event_at": moved_at,
        },
    )
    requests = np.flatnonzero((contacts.place[keep] == 0) & (cases.supervisor[contacts.case[keep]] > 0))
    of = np.repeat(requests, cases.supervisor[contacts.case[keep]][requests])
    place = place_in_group(cases.supervisor[contacts.case[keep]][requests])
    case = contacts.case[keep][of]
    out.add(
        "supervisor_requests",
        person=people.number[cases.person[case]],
        delivered=delivered[of] // MINUTE * MINUTE + 2 * MINUTE,
        columns={
            "supervisor_request_id": numbered("SR", contacts.number[keep][of] * 20 + place),
            "contact_id": numbered("CO", contacts.number[keep][of]),
            "case_id": case_ids(cases.number[case]),
            "event_at": at[of] + (place + 1) * 3 * MINUTE,
        },
    )
    chats = np.flatnonzero(is_chat)
    counts = 3 + draw.rng.poisson(1.0, len(chats))
    of, place = chats[repeat_each(counts)], place_in_group(counts)
    speaker = np.where(place == 0, 2, np.where(place % 2 == 1, 0, 1))
    sentences = [draw.pick(lines, len(of)) for lines in _SAID]
    out.add(
        "chat_transcripts",
        person=people.number[cases.person[contacts.case[keep][of]]],
        delivered=delivered[of] + place * SECOND,
        columns={
            "chat_message_id": numbered("CM", contacts.number[keep][of] * 20 + place),
            "contact_id": numbered("CO", contacts.number[keep][of]),
            "speaker": text(("customer", "agent", "bot"), speaker),
            "event_at": at[of] + place * 25 * SECOND,
            "text": where(speaker == 0, sentences[0], where(speaker == 1, sentences[1], sentences[2])),
        },
    )


def _closings(out: Shaped, draw: Draw, journeys: Journeys) -> None:
    people, cases, contacts = journeys.people, journeys.cases, journeys.contacts
    last = np.zeros(len(cases.at), dtype=np.int64)
    np.maximum.at(last, contacts.case, contacts.at)
    keep = np.flatnonzero(journeys.cases_kept() & draw.flags(len(cases.at), 0.92))
    closed = last[keep] + draw.exponential(20 * HOUR, len(keep)) + 10 * MINUTE
    still = closed < journeys.left_at[cases.person[keep]]
    keep, closed = keep[still], closed[still]
    score = np.clip(np.rint(3.4 + 0.9 * cases.satisfaction[keep]), 1, 5).astype(np.int64)
    bad = cases.satisfaction[keep] < -1
    out.add(
        "resolutions",
        person=people.number[cases.person[keep]],
        delivered=closed // HOUR * HOUR + HOUR,
        columns={
            "resolution_id": numbered("RS", cases.number[keep]),
            "case_id": case_ids(cases.number[keep]),
            "resolution": where(
                bad,
                draw.pick(("not_solved", "workaround", "withdrawn"), len(keep)),
                draw.pick(("solved", "workaround"), len(keep), [85, 15]),
            ),
            "is_first_contact": cases.contacts[keep] == 1,
            "satisfaction_score": only(draw.flags(len(keep), 0.2), score),
            "event_at": closed,
        },
    )


def _complaints(out: Shaped, *, draw: Draw, journeys: Journeys, crm_of: Text) -> None:
    people, cases, complaints, window = journeys.people, journeys.cases, journeys.complaints, journeys.window
    keep = np.flatnonzero(
        journeys.cases_kept()[complaints.case] & journeys.here(cases.person[complaints.case], complaints.at)
    )
    case, at = complaints.case[keep], complaints.at[keep]
    person, size = cases.person[case], len(keep)
    answered = at + draw.exponential(3 * DAY, size) + 4 * HOUR
    closed = answered + draw.exponential(4 * DAY, size) + HOUR
    phone, crm_id = _phones(draw, people, person), only(draw.flags(size, 0.6), text(crm_of, person))
    columns: dict[str, object] = {
        "complaint_id": numbered("CP", complaints.number[keep]),
        "case_id": case_ids(cases.number[case]),
        "phone": phone,
        "crm_id": crm_id,
        "topic": draw.pick(("delay", "staff", "price", "quality", "claim", "app"), size, [35, 20, 15, 15, 10, 5]),
        "severity": text(("low", "medium", "high"), complaints.severity[keep]),
        "acknowledged_at": stamps(at + 2 * HOUR),
        "text": only(draw.flags(size, 0.8), draw.pick(_NOTES, size)),
        "event_at": at,
    }
    first = at // (10 * MINUTE) * (10 * MINUTE) + 2 * HOUR + 10 * MINUTE
    out.add("complaints", person=people.number[person], delivered=first, columns=columns)
    out.add(
        "complaints",
        person=people.number[person],
        delivered=closed // HOUR * HOUR + DAY,
        kind="update",
        columns={
            **columns,
            "answered_at": stamps(answered),
            "closed_at": stamps(closed),
            "reopened_at": only(draw.flags(size, 0.08), stamps(closed + 6 * HOUR)),
        },
    )
    compensated = np.flatnonzero(complaints.amount[keep] > 0)
    at, person = at[compensated] + 5 * HOUR, person[compensated]
    later = at + 45 * DAY
    outcome = pc.if_else(pa.array(journeys.left_at[person] > later), "retained", "lost")
    goodwill: dict[str, object] = {
        "goodwill_id": numbered("GW", complaints.number[keep][compensated]),
        "case_id": case_ids(cases.number[case[compensated]]),
        "phone": phone.take(pa.array(compensated)),
        "crm_id": crm_id.take(pa.array(compensated)),
        "amount_cny": complaints.amount[keep][compensated],
        "kind": draw.pick(("voucher", "refund", "points", "gift"), len(compensated), [45, 25, 20, 10]),
        "event_at": at,
    }
    out.add("goodwill", person=people.number[person], delivered=at // HOUR * HOUR + HOUR, columns=goodwill)
    # The trap: what became of it is filled in 45 days later under the same event_at.
    is_decided = later < window.end
    rows = np.flatnonzero(is_decided)
    chosen = at_rows(goodwill, rows)
    out.add(
        "goodwill",
        person=people.number[person[rows]],
        delivered=later[rows] // DAY * DAY + 3 * HOUR,
        kind="update",
        columns={**chosen, "later_outcome": outcome.take(pa.array(rows))},
    )

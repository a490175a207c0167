"""CRM: customers in several copies, consents by purpose and channel, households as the branch believes them.

People that were there before the world began came with one bulk import: thousands of rows share one `updated_at`.
"""

import numpy as np
import pyarrow as pa

from contracts.contract_file import load_contract
from infra.sandbox.life.calendar import NEVER, Window
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.households import CHILD, PARENT, PARTNER, People
from infra.sandbox.people.system_views import make_crm_records
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import (
    DAY,
    HOUR,
    MINUTE,
    Draw,
    Flags,
    Ints,
    constant,
    dates,
    numbered,
    only,
    stamps,
    text,
    where,
)

_PURPOSES = ("service", "analytics", "marketing", "research", "health")


def make(journeys: Journeys) -> Shaped:
    """Rows of the window: everything at first, later only what changed."""
    window, people = journeys.window, journeys.people
    draw = window.draw(20)
    out = Shaped(load_contract("crm"))
    person, columns = make_crm_records(window.seed, window.block, people, since=window.world_start)
    made_at = _made_at(window, people, person)
    is_new = (made_at >= window.start) & (made_at < window.end) | ((window.stretch == 0) & (made_at < window.end))
    left = journeys.left_at[person]
    account_no = _archive_numbers(window, people=people, person=person, left=left)

    def customers(rows: Ints, at: Ints, delivered: Ints, *, kind: str, closed: bool = False) -> None:
        """Records as CRM has them at a moment: who has moved since the record was made has the new address."""
        who = person[rows]
        chosen = {name: columns[name].combine_chunks().take(pa.array(rows)) for name in columns.column_names}
        moved = (people.moved_at[who] <= at) & (people.moved_at[who] > made_at[rows])
        new = people.address(who, np.ones(len(rows), dtype=np.bool_))
        out.add(
            "customers",
            person=people.number[who],
            delivered=delivered,
            kind=kind,
            columns={
                **chosen,
                **{name: where(moved, value, chosen[name]) for name, value in new.items()},
                "account_no": account_no[rows] if closed else 10**9 + (people.number[who] * 7_919) % 10**9,
                "status": "closed" if closed else "active",
                "customer_since": dates(people.joined_at[who]),
                "closed_at": stamps(left[rows]) if closed else None,
                "event_at": at,
            },
        )

    rows = np.flatnonzero(is_new)
    customers(rows, people.joined_at[person[rows]], made_at[rows], kind="first")
    moved_at = people.moved_at[person]
    is_moving = (moved_at >= window.start) & (moved_at < window.end) & (moved_at > made_at) & (left == NEVER)
    moving = np.flatnonzero(is_moving)
    heard = moved_at[moving] // MINUTE * MINUTE + draw.between(1, 12, len(moving)) * DAY
    customers(moving, moved_at[moving], heard, kind="update")
    closing = np.flatnonzero((left >= window.start) & (left < window.end) & (left > made_at))
    closed = left[closing]
    customers(closing, closed, closed + draw.between(1, 30, len(closing)) * HOUR, kind="update", closed=True)
    _consents(out, window=window, people=people, person=person, columns=columns, made_at=made_at, is_new=is_new)
    _households(out, people=people, person=person, columns=columns, made_at=made_at, is_new=is_new)
    return out


def _made_at(window: Window, people: People, person: Ints) -> Ints:
    """When the record came to CRM: the bulk import before the world, or minutes after somebody joined."""
    imported = window.world_start + 2 * HOUR + (person % 3) * 20 * MINUTE
    return np.where(
        people.joined_at[person] < window.world_start,
        imported,
        people.joined_at[person] // MINUTE * MINUTE + 90 * MINUTE,
    )


def _archive_numbers(window: Window, *, people: People, person: Ints, left: Ints) -> Ints:
    """The trap: closed files are numbered from low on in the order of their closing; open files have high numbers."""
    since = (left - window.world_start) // MINUTE
    return np.where(left == NEVER, 0, 100_000 + since * 100 + person % 100)


def _consents(
    out: Shaped, *, window: Window, people: People, person: Ints, columns: pa.Table, made_at: Ints, is_new: Flags
) -> None:
    """Service for all, other purposes as people like; some withdraw later."""
    draw = Draw(window.seed, window.block, 21)
    wanted = draw.rng.random((len(person), len(_PURPOSES))) < np.array([1.0, 0.75, 0.6, 0.35, 0.2])
    granted = draw.rng.random((len(person), len(_PURPOSES))) < np.array([0.99, 0.92, 0.75, 0.8, 0.85])
    withdrawn_at = window.world_start + (draw.rng.random((len(person), len(_PURPOSES))) * 3 * 365 * DAY).astype(
        np.int64
    )
    withdraws = draw.rng.random((len(person), len(_PURPOSES))) < 0.12
    record, purpose = np.nonzero(wanted)
    crm_id = columns["crm_id"].combine_chunks().take(pa.array(record))
    channel = np.where(draw.flags(len(record), 0.5), 6, people.channel[person[record]])
    ids = numbered("CN", (window.block + 1) * 100_000_000 + record * 10 + purpose)
    since = np.minimum(people.joined_at[person[record]], made_at[record])
    at = made_at[record]

    def add(
        rows: Ints, delivered: Ints, kind: str, is_granted: object, event_at: Ints, valid_to: object = None
    ) -> None:
        out.add(
            "consents",
            person=people.number[person[record[rows]]],
            delivered=delivered,
            kind=kind,
            columns={
                "consent_id": ids.take(pa.array(rows)),
                "crm_id": crm_id.take(pa.array(rows)),
                "purpose": text(_PURPOSES, purpose[rows]),
                "channel": text(("email", "sms", "app", "wechat", "phone", "post", "any"), channel[rows]),
                "is_granted": is_granted,
                "valid_from": stamps(since[rows]),
                "valid_to": valid_to,
                "event_at": event_at,
            },
        )

    rows = np.flatnonzero(is_new[record])
    add(rows, at[rows] + 5 * MINUTE, "first", granted[record, purpose][rows], since[rows])
    withdrawal = withdrawn_at[record, purpose]
    late = np.flatnonzero(
        withdraws[record, purpose]
        & granted[record, purpose]
        & (withdrawal >= window.start)
        & (withdrawal < window.end)
        & (withdrawal > at + DAY)
    )
    add(late, withdrawal[late] // HOUR * HOUR + HOUR, "update", False, withdrawal[late], stamps(withdrawal[late]))


def _households(out: Shaped, *, people: People, person: Ints, columns: pa.Table, made_at: Ints, is_new: Flags) -> None:
    has_household = columns["household_id"].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(has_household & is_new)
    role = people.role[person[rows]]
    crm_id = columns["crm_id"].combine_chunks().take(pa.array(rows))
    name = np.select([role == PARTNER, role == CHILD, role == PARENT], [1, 2, 3], 0)
    out.add(
        "households",
        person=people.number[person[rows]],
        delivered=made_at[rows] + 10 * MINUTE,
        columns={
            "household_member_id": pa.compute.binary_join_element_wise(constant("HM", len(rows)), crm_id, ""),
            "household_id": columns["household_id"].combine_chunks().take(pa.array(rows)),
            "crm_id": crm_id,
            "role": only(people.number[person[rows]] % 20 > 0, text(("head", "partner", "child", "parent"), name)),
            "event_at": np.minimum(people.joined_at[person[rows]], made_at[rows]),
        },
    )

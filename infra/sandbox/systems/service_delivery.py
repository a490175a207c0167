"""Service delivery: promised against actual, cancellations, claims with their steps.

A delivery is dropped when it is done (a few hours after), a claim when it is opened and once more when it is closed.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.contract_file import load_contract
from infra.sandbox.life.life_events import NONE, Journeys
from infra.sandbox.people.households import branch_ids
from infra.sandbox.people.system_views import Accounts, with_errors
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import DAY, HOUR, MINUTE, Draw, Ints, numbered, only, stamps, text, where
from infra.sandbox.systems.orders import account_of, order_ids

_CAUSES = ("weather", "technical", "staff", "supplier", "other")
_STEPS = ("reported", "documents", "assessed", "approved", "rejected", "paid")


def make(journeys: Journeys, accounts: Accounts) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("service_delivery"))
    draw = journeys.window.draw(40)
    _deliveries(out, draw=draw, journeys=journeys, accounts=accounts)
    _claims(out, draw=draw, journeys=journeys, accounts=accounts)
    return out


def delivery_ids(number: Ints) -> pa.StringArray:
    """Delivery numbers as every system writes them."""
    return numbered("D", number)


def claim_ids(number: Ints) -> pa.StringArray:
    """Claim numbers as every system writes them."""
    return numbered("CL", number)


def _deliveries(out: Shaped, *, draw: Draw, journeys: Journeys, accounts: Accounts) -> None:
    people, deliveries = journeys.people, journeys.deliveries
    done = np.where(deliveries.is_cancelled, deliveries.promised, deliveries.actual)
    keep = np.flatnonzero(journeys.deliveries_kept() & (done < journeys.left_at[deliveries.person]))
    person = deliveries.person[keep]
    account = account_of(journeys, accounts=accounts, person=person, at=journeys.orders.at[deliveries.order[keep]])
    cancelled = deliveries.is_cancelled[keep]
    late = deliveries.delay_minutes[keep] > 0
    cause = text(_CAUSES, draw.index(len(keep), [30, 20, 20, 20, 10]))
    out.add(
        "deliveries",
        person=people.number[person],
        delivered=done[keep] + draw.exponential(3 * HOUR, len(keep)) + 5 * MINUTE,
        columns={
            "delivery_id": delivery_ids(deliveries.number[keep]),
            "order_id": only(draw.flags(len(keep), 0.95), order_ids(journeys.orders.number[deliveries.order[keep]])),
            "account_id": text(accounts.account_id, account),
            "booking_name": only(
                draw.flags(len(keep), 0.97), with_errors(draw, text(accounts.delivery_name, account), 0.02)
            ),
            "service": draw.pick(("shipment", "flight", "visit", "repair", "policy"), len(keep), [55, 15, 10, 12, 8]),
            "promised_at": stamps(deliveries.promised[keep]),
            "actual_at": only(~cancelled, stamps(deliveries.actual[keep])),
            "delay_minutes": only(~cancelled, pa.array(deliveries.delay_minutes[keep])),
            "cause": where(late | cancelled, cause, "none"),
            "region": people.region_name(person),
            "branch_id": branch_ids(people.branch[person]),
            "event_at": done[keep],
        },
    )
    off = keep[cancelled]
    at = deliveries.promised[off] - draw.between(1, 20, len(off)) * HOUR
    out.add(
        "cancellations",
        person=people.number[deliveries.person[off]],
        delivered=at + draw.exponential(1 * HOUR, len(off)),
        columns={
            "cancellation_id": numbered("DX", deliveries.number[off]),
            "delivery_id": delivery_ids(deliveries.number[off]),
            "account_id": text(accounts.account_id, account[cancelled]),
            "cause": pc.filter(cause, pa.array(cancelled)),
            "event_at": at,
        },
    )


def _claims(out: Shaped, *, draw: Draw, journeys: Journeys, accounts: Accounts) -> None:
    people, claims = journeys.people, journeys.claims
    is_kept = journeys.here(claims.person, claims.at)
    linked = claims.delivery != NONE
    is_kept &= ~linked | journeys.deliveries_kept()[claims.delivery]
    keep = np.flatnonzero(is_kept)
    person, at = claims.person[keep], claims.at[keep]
    account = account_of(journeys, accounts=accounts, person=person, at=at)
    closed = at + (claims.cycle_days[keep] * DAY).astype(np.int64)
    claimed_cny = np.round(np.exp(draw.rng.normal(6.8, 1.0, len(keep))), 2)
    rejected = draw.flags(len(keep), 0.15)
    cost = np.where(rejected, 0.0, np.round(claimed_cny * draw.rng.uniform(0.4, 1.0, len(keep)), 2))
    of_delivery = claims.delivery[keep]
    kind = where(
        of_delivery != NONE, "delay", draw.pick(("damage", "loss", "medical", "accident"), len(keep), [35, 15, 25, 25])
    )
    numbers = journeys.deliveries.number[of_delivery] if len(journeys.deliveries.number) else of_delivery
    columns: dict[str, object] = {
        "claim_id": claim_ids(claims.number[keep]),
        "account_id": text(accounts.account_id, account),
        "booking_name": text(accounts.delivery_name, account),
        "delivery_id": only(of_delivery != NONE, delivery_ids(numbers)),
        "kind": kind,
        "region": people.region_name(person),
        "branch_id": branch_ids(claims.branch[keep]),
        "claimed_cny": claimed_cny,
        "opened_at": stamps(at),
        "event_at": at,
    }
    out.add(
        "claims", person=people.number[person], delivered=at + draw.exponential(2 * HOUR, len(keep)), columns=columns
    )
    out.add(
        "claims",
        person=people.number[person],
        delivered=closed + draw.exponential(4 * HOUR, len(keep)) + HOUR,
        kind="update",
        columns={**columns, "cost_cny": cost, "closed_at": stamps(closed)},
    )
    # Shares of the cycle at which the steps happen; the fourth is a yes or a no, and only a yes is paid.
    for place, share in enumerate((0.0, 0.25, 0.6, 0.85, 0.85, 1.0)):
        rows = np.flatnonzero(
            ~rejected if place in (3, 5) else rejected if place == 4 else np.ones(len(keep), dtype=np.bool_)
        )
        step_at = at[rows] + (share * claims.cycle_days[keep][rows] * DAY).astype(np.int64)
        out.add(
            "claim_steps",
            person=people.number[person[rows]],
            delivered=step_at + draw.exponential(3 * HOUR, len(rows)),
            columns={
                "claim_step_id": numbered("CS", claims.number[keep][rows] * 10 + place),
                "claim_id": claim_ids(claims.number[keep][rows]),
                "step": _STEPS[place],
                "branch_id": branch_ids(claims.branch[keep][rows]),
                "cost_cny": cost[rows] if place == 5 else np.round(draw.rng.uniform(5, 60, len(rows)), 2),
                "event_at": step_at,
            },
        )

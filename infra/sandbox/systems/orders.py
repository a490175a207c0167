"""The shop: orders with lines, payments and returns, and the products that accounts hold (with renewals).

An order is written when placed and once more when it is completed or cancelled; the database shows the last version.
"""

import numpy as np

from contracts.contract_file import load_contract
from infra.sandbox.life import effects
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.people.system_views import Accounts
from infra.sandbox.rows.contract_rows import Shaped
from infra.sandbox.rows.draw import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Draw,
    Flags,
    Floats,
    Ints,
    Text,
    constant,
    dates,
    numbered,
    only,
    place_in_group,
    repeat_each,
    text,
    where,
)

_PRICE = np.array([product.price_cny for product in effects.PRODUCTS])
_WEIGHT = np.array([product.weight for product in effects.PRODUCTS])
_COMPLEMENT = np.array([-1 if p.complement is None else p.complement for p in effects.PRODUCTS], dtype=np.int64)
_CATEGORY = [product.category for product in effects.PRODUCTS]
_IDS = [product.product_id for product in effects.PRODUCTS]
_POLICIES = np.array([0, 1, 2, 3, 4], dtype=np.int64)
_CHANNELS = ("web", "app", "branch", "phone", "partner")


def order_ids(number: Ints) -> Text:
    """Order numbers as every system writes them."""
    return numbered("O", number)


def employee_ids(number: Ints) -> Text:
    """Staff number of the person with that number in the world."""
    return numbered("E", 100_000 + number)


def account_of(journeys: Journeys, *, accounts: Accounts, person: Ints, at: Ints) -> Ints:
    """Which account a person uses: who has two takes turns; now and then one is borrowed at home."""
    own = np.where((at // DAY) % 2 == 0, accounts.second[person], accounts.of_person[person])
    household = journeys.people.household
    neighbour = np.maximum(person - 1, 0)
    borrows = (household[neighbour] == household[person]) & ((person * 31 + at // DAY) % effects.BORROWED_EVERY == 0)
    return np.where(borrows, accounts.of_person[neighbour], own)


def make(journeys: Journeys, accounts: Accounts) -> Shaped:
    """Rows of the window."""
    out = Shaped(load_contract("orders"))
    draw = journeys.window.draw(30)
    _orders(out, draw=draw, journeys=journeys, accounts=accounts)
    _holdings(out, draw=draw, journeys=journeys, accounts=accounts)
    return out


def _lines(draw: Draw, size: int, is_favour: Flags) -> tuple[Ints, Ints, Ints]:
    """Order, product and quantity of each line; complements come along with what they complement."""
    counts = 1 + draw.rng.poisson(0.5, size)
    counts = np.where(is_favour, 1, counts)
    order = repeat_each(counts)
    product = draw.index(len(order), _WEIGHT)
    product = np.where(is_favour[order], _POLICIES[draw.between(0, 3, len(order))], product)
    along = np.flatnonzero(
        (_COMPLEMENT[product] >= 0) & ~is_favour[order] & draw.flags(len(order), effects.COMPLEMENT_CHANCE)
    )
    order = np.concatenate([order, order[along]])
    product = np.concatenate([product, _COMPLEMENT[product[along]]])
    by_order = np.argsort(order, kind="stable")
    order, product = order[by_order], product[by_order]
    cheap = _PRICE[product] < 300
    return order, product, np.where(cheap, 1 + draw.rng.poisson(0.6, len(order)), 1).astype(np.int64)


def _orders(out: Shaped, *, draw: Draw, journeys: Journeys, accounts: Accounts) -> None:
    people, orders = journeys.people, journeys.orders
    line_order, product, quantity = _lines(draw, len(orders.person), orders.is_favour)
    price = np.round(_PRICE[product] * np.exp(draw.rng.normal(0, 0.15, len(product))), 2)
    line_total = np.asarray(np.round(price * quantity, 2), dtype=np.float64)
    subtotal = np.bincount(line_order, weights=line_total, minlength=len(orders.person))
    has_coupon = draw.flags(len(orders.person), 0.08)
    discount = np.where(has_coupon, np.round(subtotal * 0.1, 2), 0.0)
    total = np.asarray(np.round(subtotal - discount, 2), dtype=np.float64)
    cancelled = draw.flags(len(orders.person), 0.03)
    keep = np.flatnonzero(journeys.orders_kept())
    person, at = orders.person[keep], orders.at[keep]
    account = account_of(journeys, accounts=accounts, person=person, at=at)
    staff = np.append(people.number[people.is_employee], -1)
    seller = staff[draw.between(0, len(staff), len(keep))]
    seller = np.where(
        orders.is_favour[keep], people.favour_seller[person], np.where(draw.flags(len(keep), 0.25), seller, -1)
    )
    channel = np.where(orders.is_favour[keep], 2, draw.index(len(keep), [40, 30, 15, 8, 7]))
    columns: dict[str, object] = {
        "order_id": order_ids(orders.number[keep]),
        "account_id": text(accounts.account_id, account),
        "email": text(accounts.email, account),
        "delivery_name": text(accounts.delivery_name, account),
        **{f"delivery_{name}": value for name, value in people.address(person, people.moved_at[person] <= at).items()},
        "delivery_country": "CN",
        "sales_channel": text(_CHANNELS, channel),
        "sold_by_employee_id": only(seller >= 0, employee_ids(seller)),
        "is_favour_policy": orders.is_favour[keep],
        "currency": "CNY",
        "order_total_cny": total[keep],
        "discount_cny": discount[keep],
        "margin_cny": np.round(total[keep] * draw.rng.uniform(0.05, 0.35, len(keep)), 2),
        "coupon_code": only(has_coupon[keep], numbered("CP", orders.number[keep] % 997, 4)),
        "event_at": at,
    }
    delivered = at + draw.exponential(40 * SECOND, len(keep)) + SECOND
    out.add("orders", person=people.number[person], delivered=delivered, columns={**columns, "order_status": "paid"})
    done = delivered + draw.between(2, 9, len(keep)) * DAY
    # The nightly job completes orders at 02:00: thousands of rows share one updated_at.
    out.add(
        "orders",
        person=people.number[person],
        delivered=done // DAY * DAY + 2 * HOUR,
        kind="update",
        columns={**columns, "order_status": where(cancelled[keep], "cancelled", "completed")},
    )
    delivered_all = np.zeros(len(orders.person), dtype=np.int64)
    delivered_all[keep] = delivered
    _children(
        out,
        draw=draw,
        journeys=journeys,
        keep=keep,
        delivered=delivered_all,
        total=total,
        lines=(line_order, product, quantity, price, line_total),
    )


def _children(
    out: Shaped,
    *,
    draw: Draw,
    journeys: Journeys,
    keep: Ints,
    delivered: Ints,
    total: Floats,
    lines: tuple[Ints, Ints, Ints, Floats, Floats],
) -> None:
    people, orders = journeys.people, journeys.orders
    line_order, product, quantity, price, line_total = lines
    is_kept = np.isin(line_order, keep)
    number = orders.number[line_order] * 10 + np.minimum(_place(line_order), 9)
    rows = np.flatnonzero(is_kept)
    of = line_order[rows]
    out.add(
        "order_lines",
        person=people.number[orders.person[of]],
        delivered=delivered[of] + SECOND,
        columns={
            "order_line_id": numbered("OL", number[rows]),
            "order_id": order_ids(orders.number[of]),
            "product_id": text(_IDS, product[rows]),
            "product_category": text(_CATEGORY, product[rows]),
            "quantity": quantity[rows],
            "unit_price_cny": price[rows],
            "line_total_cny": line_total[rows],
            "event_at": orders.at[of],
        },
    )
    failed = keep[draw.flags(len(keep), 0.05)]
    method = draw.index(len(orders.person), [30, 50, 15, 5])
    for of, status, first, prefix in ((keep, "settled", 30, "PA"), (failed, "failed", 10, "PF")):
        paid = orders.at[of] + first * SECOND + draw.between(0, 5 * SECOND, len(of))
        out.add(
            "payments",
            person=people.number[orders.person[of]],
            delivered=np.maximum(paid, delivered[of]) + 5 * SECOND,
            columns={
                "payment_id": numbered(prefix, orders.number[of]),
                "order_id": order_ids(orders.number[of]),
                "method": text(("card", "wallet", "transfer", "cash"), method[of]),
                "payment_status": status,
                "amount_cny": total[of],
                "event_at": paid,
            },
        )
    returned = keep[draw.flags(len(keep), 0.07)]
    at = orders.at[returned] + draw.between(4, 20, len(returned)) * DAY
    still = at < journeys.left_at[orders.person[returned]]
    returned, at = returned[still], at[still]
    out.add(
        "returns",
        person=people.number[orders.person[returned]],
        delivered=at + draw.exponential(20 * MINUTE, len(at)),
        columns={
            "return_id": numbered("RT", orders.number[returned]),
            "order_id": order_ids(orders.number[returned]),
            "reason_code": draw.pick(
                ("damaged", "late", "unwanted", "wrong_item", "other"), len(at), [20, 15, 40, 15, 10]
            ),
            "refund_cny": np.round(total[returned] * np.where(draw.flags(len(at), 0.6), 1.0, 0.5), 2),
            "event_at": at,
        },
    )


def _place(group: Ints) -> Ints:
    """Number of each row within its run of equal values (rows are sorted by group)."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return place_in_group(np.diff(np.append(starts, len(group))))


def _holdings(out: Shaped, *, draw: Draw, journeys: Journeys, accounts: Accounts) -> None:
    """A yearly contract for most; at its expiry it is renewed by a new one or lapses."""
    people, window = journeys.people, journeys.window
    fixed = Draw(window.seed, window.block, 31)
    count = len(people)
    has = np.flatnonzero(fixed.flags(count, 0.55))
    product = _POLICIES[fixed.between(0, len(_POLICIES), len(has))]
    premium = np.round(_PRICE[product] * fixed.rng.uniform(0.8, 1.3, len(has)), 2)
    anniversary = fixed.between(0, 365, len(has)) * DAY
    number = (window.block + 1) * 10_000_000 + has
    # The contract that runs when the world begins, or the first one of somebody who joins later.
    expires = np.where(
        people.joined_at[has] < window.world_start,
        window.world_start + anniversary,
        people.joined_at[has] // DAY * DAY + 365 * DAY,
    )
    starts = expires - 365 * DAY
    written = np.where(
        people.joined_at[has] < window.world_start,
        window.world_start + 3 * HOUR,
        people.joined_at[has] // HOUR * HOUR + 2 * HOUR,
    )

    def add(rows: Ints, delivered: Ints, kind: str, status: object, term: int, event_at: Ints) -> None:
        person = has[rows]
        before = numbered("HD", number[rows] * 10 + term - 1) if term else None
        out.add(
            "holdings",
            person=people.number[person],
            delivered=delivered,
            kind=kind,
            columns={
                "holding_id": numbered("HD", number[rows] * 10 + term),
                "account_id": text(accounts.account_id, accounts.of_person[person]),
                "product_id": text(_IDS, product[rows]),
                "product_category": text(_CATEGORY, product[rows]),
                "holding_status": status,
                "premium_cny": premium[rows],
                "starts_on": dates(starts[rows] + term * 365 * DAY),
                "expires_on": dates(expires[rows] + term * 365 * DAY),
                "renewed_from_holding_id": before,
                "event_at": event_at,
            },
        )

    new = np.flatnonzero((written >= window.start) & (written < window.end))
    add(new, written[new], "first", "active", 0, np.maximum(starts[new], people.joined_at[has[new]]))
    ends = np.flatnonzero((expires >= window.start) & (expires < window.end) & (expires > written + DAY))
    stays = (journeys.left_at[has[ends]] > expires[ends]) & draw.flags(len(ends), 0.85)
    renewed = ends[stays]
    add(ends, expires[ends] + HOUR, "update", constant("lapsed", len(ends)), 0, expires[ends])
    add(renewed, expires[renewed] + HOUR, "first", "active", 1, expires[renewed])

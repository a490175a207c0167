"""What happens to people, and what it does to them: orders, delays, contacts, claims, satisfaction.

Causes come first and effects after: a delay lowers satisfaction and leads to contacts, contacts are passed on, all of
it moves people to leave (`churn.py`), and whoever has left does nothing any more. Sizes are in `effects.py`; the
systems' modules turn the result into rows.
"""

import numpy as np

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import MONTH, NEVER, Window, peak
from infra.sandbox.life.churn import churn
from infra.sandbox.life.life_events import (
    NONE,
    Cases,
    Claims,
    Complaints,
    Contacts,
    Deliveries,
    Journeys,
    Listed,
    Orders,
    hours_late,
)
from infra.sandbox.people.households import BRANCHES, People
from infra.sandbox.rows.draw import DAY, HOUR, Draw, Ints, place_in_group, repeat_each


def simulate(people: People, window: Window, left_before: Ints) -> Journeys:
    """Live through one window. `left_before` says who had left earlier (`NEVER` for those who had not)."""
    draw = window.draw(10)
    orders = _orders(draw, people, window)
    deliveries = _deliveries(draw, people=people, window=window, orders=orders)
    cases = _cases(draw, people=people, window=window, deliveries=deliveries)
    deliveries.case = np.full(len(deliveries.order), NONE, dtype=np.int64)
    linked = np.flatnonzero(cases.delivery >= 0)
    deliveries.case[cases.delivery[linked]] = linked
    _satisfaction(draw, people=people, deliveries=deliveries, cases=cases)
    contacts = _contacts(draw, window, cases)
    complaints = _complaints(draw, window, cases)
    claims = _claims(draw, people=people, window=window, deliveries=deliveries)
    listed = _lists(draw, people, window)
    left_at, true_churn = churn(
        draw,
        people=people,
        window=window,
        deliveries=deliveries,
        cases=cases,
        complaints=complaints,
        listed=listed,
        left_before=left_before,
    )
    return Journeys(
        people,
        window=window,
        orders=orders,
        deliveries=deliveries,
        cases=cases,
        contacts=contacts,
        complaints=complaints,
        claims=claims,
        listed=listed,
        left_at=left_at,
        true_churn=true_churn,
    )


def _orders(draw: Draw, people: People, window: Window) -> Orders:
    person, at = window.happen(draw, people, 2.4 * people.spending / 1.28)
    # Relatives of employees are sold policies that they do not need: easy to foresee, never repeated.
    is_favour = (people.favour_seller[person] >= 0) & draw.flags(len(person), 0.8) & (window.stretch == 0)
    first = np.unique(person[is_favour], return_index=True)[1]
    once = np.zeros(len(person), dtype=np.bool_)
    once[np.flatnonzero(is_favour)[first]] = True
    return Orders(person=person, at=at, number=window.numbers(len(person)), is_favour=once)


def _deliveries(draw: Draw, *, people: People, window: Window, orders: Orders) -> Deliveries:
    order = np.flatnonzero(draw.flags(len(orders.person), 0.75)).astype(np.int64)
    size = len(order)
    person = orders.person[order]
    promised = orders.at[order] // HOUR * HOUR + draw.between(20, 110, size) * HOUR
    # Good and bad months of a branch are chance alone: last month's worst is seldom next month's (regression to
    # the mean).
    months = int(window.days // 30) + 5
    luck = np.exp(draw.rng.normal(0, 0.35, BRANCHES * months)).reshape(BRANCHES, months)
    month = np.clip((promised - window.start) // MONTH, 0, months - 1)
    late = draw.flags(size, 0.34 * np.clip(luck[people.branch[person], month], 0.3, 2.0))
    minutes = np.where(late, draw.rng.gamma(1.2, 80.0, size), -draw.rng.gamma(2.0, 12.0, size))
    return Deliveries(
        order=order,
        person=person,
        promised=promised,
        delay_minutes=np.asarray(np.round(minutes, 1), dtype=np.float64),
        is_cancelled=draw.flags(size, 0.02),
        satisfaction=np.zeros(size),
        case=np.zeros(size, dtype=np.int64),
        number=window.numbers(size),
    )


def _cases(draw: Draw, *, people: People, window: Window, deliveries: Deliveries) -> Cases:
    hours = hours_late(deliveries)
    leads = draw.flags(len(hours), effects.CONTACT_CHANCE_ON_TIME + effects.CONTACT_CHANCE_PER_HOUR * hours)
    delivery = np.flatnonzero(leads).astype(np.int64)
    own_person, own_at = window.happen(draw, people, np.full(len(people), 0.62))
    person = np.concatenate([deliveries.person[delivery], own_person])
    at = np.concatenate([deliveries.actual[delivery] + draw.exponential(10 * HOUR, len(delivery)), own_at])
    size = len(person)
    difficulty = draw.rng.standard_normal(size) + 0.25 * np.concatenate([hours[delivery], np.zeros(len(own_person))])
    # The VIP desk takes the important people, and of the others the hardest cases: pooled, transfers look good.
    is_vip = (people.tier[person] == 3) | ((people.tier[person] == 2) & (difficulty > 0.5))
    contacts = 1 + draw.rng.poisson(0.3 * np.exp(0.4 * difficulty))
    transfers = draw.rng.poisson(
        np.minimum(contacts * 0.2 * np.exp(0.5 * difficulty) * np.where(is_vip, 3.5, 1.0), 8.0)
    )
    return Cases(
        person=person,
        at=at,
        delivery=np.concatenate([delivery, np.full(len(own_person), NONE, dtype=np.int64)]),
        difficulty=difficulty,
        is_vip_desk=is_vip,
        contacts=contacts,
        transfers=transfers,
        supervisor=draw.rng.poisson(0.05 * np.exp(0.6 * difficulty).clip(0, 8)),
        satisfaction=np.zeros(size),
        number=window.numbers(size),
    )


def _satisfaction(draw: Draw, *, people: People, deliveries: Deliveries, cases: Cases) -> None:
    """In SD: a person's mood and chance make up one SD; delay and repeated contacts come on top."""
    noise = 0.45 * people.mood[deliveries.person] + np.sqrt(1 - 0.45**2) * draw.rng.standard_normal(
        len(deliveries.person)
    )
    repeated = np.where(deliveries.case >= 0, cases.contacts[deliveries.case] if len(cases.contacts) else 0, 0)
    deliveries.satisfaction = (
        noise + effects.DELAY_SD_PER_HOUR * hours_late(deliveries) + effects.REPEATED_CONTACT_SD * repeated
    )
    own = 0.45 * people.mood[cases.person] + np.sqrt(1 - 0.45**2) * draw.rng.standard_normal(len(cases.person))
    own = own + effects.REPEATED_CONTACT_SD * (cases.contacts - 1)
    after = cases.delivery >= 0
    own[after] = deliveries.satisfaction[cases.delivery[after]]
    cases.satisfaction = own


def _contacts(draw: Draw, window: Window, cases: Cases) -> Contacts:
    case = repeat_each(cases.contacts)
    place = place_in_group(cases.contacts)
    gap = draw.exponential(1.6 * DAY, len(case)) + HOUR
    at = cases.at[case] + np.where(place == 0, 0, place * gap)
    share = draw.rng.binomial(cases.transfers[case], 1.0 / cases.contacts[case])
    # The last contact of a case takes what is left, so that its transfers add up.
    passed_on = np.bincount(case, weights=np.where(place < cases.contacts[case] - 1, share, 0), minlength=len(cases.at))
    rest = np.maximum(cases.transfers - passed_on.astype(np.int64), 0)
    is_last = place == cases.contacts[case] - 1
    return Contacts(
        case=case,
        place=place,
        at=at,
        transfers=np.where(is_last, rest[case], share).astype(np.int64),
        number=window.numbers(len(case)),
    )


def _complaints(draw: Draw, window: Window, cases: Cases) -> Complaints:
    case = np.flatnonzero(draw.flags(len(cases.at), 1 / (1 + np.exp(2.2 + 1.0 * cases.satisfaction)))).astype(np.int64)
    size = len(case)
    severity = np.clip(np.rint(0.7 - 0.6 * cases.satisfaction[case] + draw.rng.normal(0, 0.4, size)), 0, 2).astype(
        np.int64
    )
    # Who is given something is left to chance, within severity: its effect can be measured.
    amount = np.where(draw.flags(size, 0.45), np.round(np.exp(draw.rng.normal(4.8, 0.8, size)), 0), 0.0)
    return Complaints(
        case=case,
        at=cases.at[case] + draw.exponential(1.0 * DAY, size) + HOUR,
        severity=severity,
        amount=amount,
        number=window.numbers(size),
    )


def _claims(draw: Draw, *, people: People, window: Window, deliveries: Deliveries) -> Claims:
    caused = np.flatnonzero((deliveries.delay_minutes > 150) & draw.flags(len(deliveries.order), 0.16)).astype(np.int64)
    own_person, own_at = window.happen(draw, people, np.full(len(people), 0.07))
    person = np.concatenate([deliveries.person[caused], own_person])
    at = np.concatenate([deliveries.actual[caused] + draw.exponential(2 * DAY, len(caused)), own_at])
    branch = people.branch[person]
    cycle = effects.CLAIM_CYCLE_DAYS * np.exp(draw.rng.normal(0, 0.35, len(person)))
    cycle = cycle * (1 + effects.CLAIM_PEAK_SEASON * peak(at // DAY))
    cycle = cycle * np.where(at >= fix_dates(window)[branch], 1 + effects.CLAIM_FIX, 1.0)
    return Claims(
        person=person,
        delivery=np.concatenate([caused, np.full(len(own_person), NONE, dtype=np.int64)]),
        at=at,
        branch=branch,
        cycle_days=cycle,
        number=window.numbers(len(person)),
    )


def fix_dates(window: Window) -> Ints:
    """When the better claim journey began to work in each branch, `NEVER` where it did not (the placebo among them)."""
    order = Draw(window.seed, 11).rng.permutation(BRANCHES)[: effects.CLAIM_FIX_BRANCHES]
    rollout = np.full(BRANCHES, NEVER, dtype=np.int64)
    # Branch by branch, into the June peak that ends the world: before/after has the wrong sign.
    rollout[order] = window.world_end - 40 * DAY + np.arange(len(order)) * DAY
    return rollout


def placebo_branch(window: Window) -> int:
    """The branch where the fix was announced and nothing was changed."""
    return int(Draw(window.seed, 11).rng.permutation(BRANCHES)[effects.CLAIM_FIX_BRANCHES])


def _lists(draw: Draw, people: People, window: Window) -> Listed:
    """Each month a randomised trial of being contacted, and the old list: a waiver for those who looked riskiest."""
    months = max(int(np.ceil(window.days / 30)), 1)
    count = len(people)
    in_trial = draw.flags(count * months, 0.02)
    looks = people.risk + draw.rng.normal(0, 0.5, count)
    at_top = looks > 1.4
    in_old = np.tile(at_top, months) & draw.flags(count * months, 0.25) & ~in_trial
    spot = np.flatnonzero(in_trial | in_old)
    person = (spot % count).astype(np.int64)
    month = spot // count
    days = window.start + month * MONTH
    is_trial = in_trial[spot]
    treated = draw.flags(len(spot), 0.5)
    return Listed(
        person=person,
        at=days + draw.between(9, 18, len(spot)) * HOUR + draw.between(0, HOUR, len(spot)),
        is_trial=is_trial,
        is_treated=treated | ~is_trial,
        is_contacted=np.where(is_trial, treated, draw.flags(len(spot), 0.85)),
        score=np.round(1 / (1 + np.exp(-(looks[person] - 1.0))), 4),
        number=window.numbers(len(spot)),
    )

"""Who leaves, and when: a logistic hazard per month that everything before it moves. Sizes are in `effects.py`."""

import numpy as np

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import MONTH, NEVER, Window
from infra.sandbox.life.life_events import Cases, Complaints, Deliveries, Listed
from infra.sandbox.people.households import People
from infra.sandbox.rows.draw import DAY, Draw, Flags, Floats, Ints


def churn(
    draw: Draw,
    *,
    people: People,
    window: Window,
    deliveries: Deliveries,
    cases: Cases,
    complaints: Complaints,
    listed: Listed,
    left_before: Ints,
) -> tuple[Ints, Floats]:
    """Month by month, a logistic hazard; and the true chance of leaving within the window."""
    count = len(people)
    months = max(int(np.ceil(window.days / 30)), 1)

    def monthly(person: Ints, at: Ints, weight: Floats | Ints | Flags) -> Floats:
        month = (at - window.start) // MONTH
        inside = (month >= 0) & (month < months)
        flat = np.bincount(
            person[inside] * months + month[inside], weights=np.asarray(weight, float)[inside], minlength=count * months
        )
        return np.asarray(flat.reshape(count, months), dtype=np.float64)

    own = cases.delivery < 0
    felt = monthly(deliveries.person, deliveries.promised, deliveries.satisfaction)
    felt += monthly(cases.person[own], cases.at[own], cases.satisfaction[own])
    third = monthly(cases.person, cases.at, cases.transfers >= 3) > 0
    supervisor = monthly(cases.person, cases.at, cases.supervisor)
    spent = (
        effects.GOODWILL_LOGIT
        * np.log1p(complaints.amount / 100)
        * (1 + effects.GOODWILL_PER_SEVERITY * complaints.severity)
    )
    goodwill = monthly(cases.person[complaints.case], complaints.at, spent)
    loyalty = np.array([0.0, 0.0, effects.CHURN_GOLD_LOGIT, effects.CHURN_VIP_LOGIT])[people.tier]
    base = effects.CHURN_BASE_LOGIT + effects.CHURN_RISK_LOGIT * people.risk + loyalty
    contacted = monthly(listed.person, listed.at, listed.is_trial & listed.is_contacted) > 0
    waived = monthly(listed.person, listed.at, ~listed.is_trial & listed.is_contacted) > 0
    after_contact = contact_ratio(people, base)
    chance = np.zeros((count, months))
    memory, kindness = np.zeros(count), np.zeros(count)
    was_contacted = np.zeros(count, dtype=np.bool_)
    for month in range(months):
        memory = 0.6 * memory + felt[:, month]
        kindness = 0.8 * kindness + goodwill[:, month]
        was_contacted |= contacted[:, month]
        logit = base + effects.CHURN_SATISFACTION_LOGIT * np.clip(memory, -4, 4) + kindness
        logit += effects.CHURN_THIRD_TRANSFER_LOGIT * third[:, max(month - 2, 0) : month + 1].any(axis=1)
        logit += effects.CHURN_SUPERVISOR_LOGIT * supervisor[:, max(month - 2, 0) : month + 1].sum(axis=1)
        logit += effects.LIST_PROTECTION_LOGIT * waived[:, max(month - 2, 0) : month + 1].any(axis=1)
        hazard = 1 / (1 + np.exp(-logit))
        moved = after_contact ** np.where(was_contacted, 1.0, effects.HOUSEHOLD_SHARE * _near(people, was_contacted))
        chance[:, month] = 1 - (1 - hazard) ** moved
    leaves = draw.rng.random((count, months)) < chance
    first = np.where(leaves.any(axis=1), leaves.argmax(axis=1), 0)
    at = window.start + first * MONTH + draw.between(0, MONTH, count)
    here = (left_before == NEVER) & (people.joined_at < at - 30 * DAY)
    left = np.where(leaves.any(axis=1) & here & (at < window.end), at, left_before)
    return left, 1 - np.prod(1 - chance, axis=1)


def _near(people: People, was_contacted: Flags) -> Flags:
    """Whether anybody of the household was contacted: what is done to one is felt by the others."""
    place = people.household - people.household[0]
    return np.asarray(np.bincount(place, weights=was_contacted)[place] > 0)


def contact_ratio(people: People, base: Floats) -> Floats:
    """How the monthly hazard changes by being contacted, so that a year's retention moves by the planted points."""
    yearly = 1 - (1 - 1 / (1 + np.exp(-base))) ** (365 / 30)
    points = np.array([0.0, effects.PERSUADABLE_POINTS, effects.SLEEPING_POINTS])[people.segment]
    moved = np.clip(yearly - points, 0.004, 0.99)
    return np.asarray(np.where(points == 0, 1.0, np.log1p(-moved) / np.log1p(-np.clip(yearly, 0.002, 0.99))))

"""The planted effects are in the simulated lives, at their sizes; and so are the traps that fool a naive look."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import NEVER, Window, peak
from infra.sandbox.life.churn import contact_ratio
from infra.sandbox.life.incidents import planted
from infra.sandbox.life.journeys import fix_dates, placebo_branch, simulate
from infra.sandbox.life.life_events import Journeys, hours_late
from infra.sandbox.people.households import make_people
from infra.sandbox.rows.draw import DAY, Draw, Ints

PEOPLE, DAYS = 60_000, 365
END = 20_635 * DAY  # 2026-07-01
START = END - DAYS * DAY
Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def lived() -> Journeys:
    people = make_people(7, block=0, first=0, count=PEOPLE, start=START, end=END)
    return simulate(
        people,
        Window(7, block=0, stretch=0, start=START, end=END, world_start=START, world_end=END),
        np.full(PEOPLE, NEVER),
    )


@pytest.fixture(scope="module")
def gone(lived: Journeys) -> npt.NDArray[np.bool_]:
    return lived.left_at < NEVER


def fitted(outcome: Array, *columns: npt.ArrayLike) -> Array:
    """Least squares with an intercept; the coefficients of the columns."""
    design = np.column_stack([np.ones(len(outcome)), *(np.asarray(column, float) for column in columns)])
    return np.asarray(np.linalg.lstsq(design, outcome, rcond=None)[0][1:])


def logit_fitted(outcome: npt.NDArray[np.bool_], *columns: npt.ArrayLike) -> Array:
    """Logistic regression by Newton's method; the coefficients of the columns."""
    design = np.column_stack([np.ones(len(outcome)), *(np.asarray(column, float) for column in columns)])
    weights = np.zeros(design.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-design @ weights))
        curve = (design * (chance * (1 - chance))[:, None]).T @ design
        weights = weights + np.linalg.solve(curve, design.T @ (outcome - chance))
    return np.asarray(weights[1:])


@dataclass
class Panel:
    """Person-months in which the person was there: what had happened, and whether they left."""

    left: npt.NDArray[np.bool_]
    risk: Array
    tier: Ints
    third: npt.NDArray[np.bool_]


@pytest.fixture(scope="module")
def panel(lived: Journeys) -> Panel:
    months, cases, people = 12, lived.cases, lived.people
    many = cases.transfers >= 3
    month = (cases.at[many] - START) // (30 * DAY)
    third = np.zeros((PEOPLE, months + 4), dtype=np.bool_)
    for later in range(3):
        third[cases.person[many], np.clip(month + later, 0, months + 3)] = True
    left_month = np.where(lived.left_at < NEVER, (lived.left_at - START) // (30 * DAY), months + 9)
    person, at = np.nonzero((np.arange(months) <= left_month[:, None]) & (people.joined_at < START)[:, None])
    return Panel(left_month[person] == at, people.risk[person], people.tier[person], third[person, at])


def test_an_hour_of_delay_costs_its_share_of_satisfaction_up_to_four_hours(lived: Journeys) -> None:
    deliveries = lived.deliveries
    contacts = np.where(deliveries.case >= 0, lived.cases.contacts[deliveries.case], 0)
    hours = hours_late(deliveries)
    per_hour, per_contact = fitted(deliveries.satisfaction, hours, contacts)
    assert per_hour == pytest.approx(effects.DELAY_SD_PER_HOUR, abs=0.03)
    assert per_contact == pytest.approx(effects.REPEATED_CONTACT_SD, abs=0.04)
    long = deliveries.delay_minutes > 60 * effects.DELAY_SATURATES_HOURS
    beyond = fitted(deliveries.satisfaction[long], deliveries.delay_minutes[long] / 60)
    assert abs(float(beyond[0])) < 0.15, "no worse after four hours"


def test_contacts_carry_part_of_the_delays_effect(lived: Journeys) -> None:
    deliveries = lived.deliveries
    hours = hours_late(deliveries)
    total = float(fitted(deliveries.satisfaction, hours)[0])
    assert total < effects.DELAY_SD_PER_HOUR - 0.01
    assert float(fitted((deliveries.case >= 0).astype(float), hours)[0]) == pytest.approx(
        effects.CONTACT_CHANCE_PER_HOUR, abs=0.02
    )


def test_outcomes_are_mostly_noise(lived: Journeys) -> None:
    deliveries = lived.deliveries
    explained = np.corrcoef(hours_late(deliveries), deliveries.satisfaction)[0, 1] ** 2
    assert explained < 0.35


def test_churn_is_twelve_per_cent_a_year_and_at_best_foreseen_with_the_recorded_auc(
    lived: Journeys, gone: npt.NDArray[np.bool_]
) -> None:
    here = lived.people.joined_at < START
    assert gone[here].mean() == pytest.approx(effects.CHURN_PER_YEAR, abs=0.012)
    order = np.argsort(np.argsort(lived.true_churn[here])) + 1
    left = gone[here]
    auc = (order[left].sum() - left.sum() * (left.sum() + 1) / 2) / (left.sum() * (~left).sum())
    assert auc == pytest.approx(effects.BEST_AUC, abs=0.02)


def test_the_third_transfer_raises_churn_on_the_logit_scale(panel: Panel) -> None:
    by_risk, third, *_ = logit_fitted(panel.left, panel.risk, panel.third, panel.tier == 2, panel.tier == 3)
    # The old list protects the riskiest, so that risk itself looks a little weaker than it is.
    assert effects.CHURN_RISK_LOGIT - 0.3 < float(by_risk) < effects.CHURN_RISK_LOGIT
    # What leads to transfers (delay, low satisfaction) adds a little to the planted step.
    assert float(third) == pytest.approx(effects.CHURN_THIRD_TRANSFER_LOGIT, abs=0.3)


def test_pooled_over_desks_transfers_look_good(lived: Journeys, gone: npt.NDArray[np.bool_]) -> None:
    cases = lived.cases
    has_case, has_third, at_vip = (
        np.bincount(cases.person, weights=flag, minlength=PEOPLE) > 0
        for flag in (np.ones(len(cases.at)), cases.transfers >= 3, cases.is_vip_desk)
    )
    without = has_case & ~has_third
    assert gone[has_third].mean() < gone[without].mean()
    for desk in (at_vip, ~at_vip):
        assert gone[has_third & desk].mean() > gone[without & desk].mean()


def test_the_claim_fix_works_branch_by_branch_and_before_and_after_says_the_opposite(lived: Journeys) -> None:
    claims, window = lived.claims, lived.window
    after = claims.at >= fix_dates(window)[claims.branch]
    cycle = np.log(claims.cycle_days)
    effect, season = fitted(cycle, after, np.log1p(effects.CLAIM_PEAK_SEASON * peak(claims.at // DAY)))
    assert float(effect) == pytest.approx(np.log1p(effects.CLAIM_FIX), abs=0.05)
    assert float(season) == pytest.approx(1.0, abs=0.15)
    assert cycle[after].mean() > cycle[~after].mean()
    placebo = claims.branch == placebo_branch(window)
    assert not after[placebo].any()


def test_being_contacted_helps_some_harms_some_and_leaves_the_riskiest_unmoved(lived: Journeys) -> None:
    people = lived.people
    shares = np.bincount(people.segment, minlength=3) / PEOPLE
    assert shares[1] == pytest.approx(effects.PERSUADABLE_SHARE, abs=0.01)
    assert shares[2] == pytest.approx(effects.SLEEPING_SHARE, abs=0.01)
    top = people.risk > np.quantile(people.risk, 0.9)
    assert (people.segment[top] == 0).all()
    loyalty = np.array([0.0, 0.0, effects.CHURN_GOLD_LOGIT, effects.CHURN_VIP_LOGIT])[people.tier]
    base = effects.CHURN_BASE_LOGIT + effects.CHURN_RISK_LOGIT * people.risk + loyalty
    hazard = 1 / (1 + np.exp(-base))
    ratio = contact_ratio(people, base)
    gained = (1 - hazard) ** (ratio * 365 / 30) - (1 - hazard) ** (365 / 30)
    plain = people.tier < 2
    assert gained[plain & (people.segment == 1)].mean() == pytest.approx(effects.PERSUADABLE_POINTS, abs=0.01)
    assert gained[people.segment == 2].mean() == pytest.approx(effects.SLEEPING_POINTS, abs=0.005)
    assert np.abs(gained[people.segment == 0]).max() < 1e-9


def test_the_old_list_makes_risk_look_safe(lived: Journeys, gone: npt.NDArray[np.bool_]) -> None:
    risky = lived.people.risk > 1.4
    waived = np.zeros(PEOPLE, dtype=np.bool_)
    waived[lived.listed.person[~lived.listed.is_trial & lived.listed.is_contacted]] = True
    assert gone[risky & waived].mean() < gone[risky & ~waived].mean() - 0.02


def test_goodwill_keeps_people(lived: Journeys, gone: npt.NDArray[np.bool_]) -> None:
    complaints, cases = lived.complaints, lived.cases
    given = complaints.amount > 0
    person = cases.person[complaints.case]
    assert gone[person[given]].mean() < gone[person[~given]].mean()


def test_the_proxy_postcode_says_nothing_about_churn(lived: Journeys, gone: npt.NDArray[np.bool_]) -> None:
    proxy = lived.people.is_proxy
    assert 0.03 < proxy.mean() < 0.1
    assert gone[proxy].mean() == pytest.approx(gone[~proxy].mean(), abs=0.02)


def test_favours_are_sold_to_relatives_once(lived: Journeys) -> None:
    person = lived.orders.person[lived.orders.is_favour]
    assert len(person) == len(np.unique(person))
    assert (lived.people.favour_seller[person] >= 0).all()


def test_incidents_and_harmless_peaks_have_their_number_and_length() -> None:
    found = planted(Window(7, block=0, stretch=0, start=START, end=END, world_start=START, world_end=END))
    assert sum(not incident.is_harmless for incident in found) == effects.INCIDENTS
    assert sum(incident.is_harmless for incident in found) == effects.HARMLESS_PEAKS
    assert all(60 <= incident.seconds <= 600 for incident in found)


def test_a_stream_of_numbers_does_not_depend_on_what_was_drawn_elsewhere() -> None:
    alone = Draw(1, 2).rng.random(5)
    other = Draw(1, 3)
    other.rng.random(100)
    assert (Draw(1, 2).rng.random(5) == alone).all()
    assert (Draw(1, 3).rng.random(5) != alone).any()

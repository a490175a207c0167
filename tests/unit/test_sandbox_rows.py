"""The planted effects can be seen in what the systems write, not only in the lives behind it."""

import numpy as np
import pandas as pd
import pytest

from infra.sandbox.life import effects
from infra.sandbox.life.calendar import NEVER, Window
from infra.sandbox.life.incidents import planted
from infra.sandbox.life.journeys import simulate
from infra.sandbox.life.life_events import Journeys
from infra.sandbox.life.simulate import systems
from infra.sandbox.people import name_lists
from infra.sandbox.people.households import CHANNELS, make_people
from infra.sandbox.rows.draw import DAY

PEOPLE, DAYS = 15_000, 365
END = 20_635 * DAY  # 2026-07-01
START = END - DAYS * DAY


@pytest.fixture(scope="module")
def lived() -> Journeys:
    people = make_people(7, block=0, first=0, count=PEOPLE, start=START, end=END)
    return simulate(
        people,
        Window(7, block=0, stretch=0, start=START, end=END, world_start=START, world_end=END),
        np.full(PEOPLE, NEVER),
    )


@pytest.fixture(scope="module")
def rows(lived: Journeys) -> dict[tuple[str, str], pd.DataFrame]:
    """Every entity's rows as they were before anything went wrong with them."""
    return {(entity.source, entity.name): table.to_pandas() for system in systems(lived) for entity, table in system}


def test_every_entity_of_every_contract_is_made(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    assert len(rows) == 39
    assert all(len(frame) for frame in rows.values())


def test_about_sixty_events_per_person_and_year(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    events = sum(len(frame[frame._kind == "first"]) for (source, _), frame in rows.items() if source != "crm")
    assert events / PEOPLE == pytest.approx(60, abs=8)


def test_nine_in_a_hundred_answer_and_reminders_are_drawn_by_chance(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    asked = rows["voice_of_customer", "invitations"]
    first = asked[~asked.is_reminder].assign(occasion=lambda frame: frame.invitation_id.str[:-1])
    answered = set(rows["voice_of_customer", "responses"].invitation_id.str[:-1])
    first["answered"] = first.occasion.isin(answered)
    assert first.answered.mean() == pytest.approx(effects.SURVEY_RESPONSE, abs=0.012)
    by_arm = first.groupby("random_arm").answered.mean()
    assert by_arm["treatment"] > by_arm["control"] + 0.02
    assert set(asked[asked.is_reminder].random_arm) == {"treatment"}


def test_unhappy_people_answer_more_often(lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    asked = rows["voice_of_customer", "invitations"]
    felt = dict(zip(("D" + pd.Series(lived.deliveries.number).astype(str)), lived.deliveries.satisfaction, strict=True))
    asked = asked[(asked.trigger == "delivery") & ~asked.is_reminder]
    answered = asked.invitation_id.str[:-1].isin(set(rows["voice_of_customer", "responses"].invitation_id.str[:-1]))
    satisfaction = asked.trigger_id.map(felt)
    assert satisfaction[answered].mean() < satisfaction[~answered].mean() - 0.3


def test_the_proxy_cluster_is_asked_less(lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    asked = rows["voice_of_customer", "invitations"]
    per_person = np.bincount(asked._person, minlength=PEOPLE)
    proxy = lived.people.is_proxy
    ratio = per_person[proxy].mean() / per_person[~proxy].mean()
    assert ratio == pytest.approx(effects.PROXY_INVITED_RATIO, abs=0.07)


def test_channel_and_hour_are_obeyed_in_seventy_per_cent(
    lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]
) -> None:
    sends = rows["campaigns", "sends"]
    hour = lived.people.hour[sends._person]
    channel = np.array(CHANNELS)[lived.people.channel[sends._person]]
    # By chance alone an hour out of fourteen, or a channel out of six, is the preferred one too.
    assert (sends.sent_hour == hour).mean() == pytest.approx(effects.PREFERENCE_OBEYED + 0.02, abs=0.015)
    assert (sends.channel == channel).mean() == pytest.approx(effects.PREFERENCE_OBEYED + 0.065, abs=0.02)


def test_complements_are_bought_along_though_seldom_bought(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    lines = rows["orders", "order_lines"]
    for product in effects.PRODUCTS:
        if product.complement is not None:
            other = effects.PRODUCTS[product.complement].product_id
            orders = set(lines[lines.product_id == product.product_id].order_id)
            with_it = set(lines[lines.product_id == other].order_id)
            share = len(orders & with_it) / len(orders)
            assert share > effects.COMPLEMENT_CHANCE - 0.1
            assert share > 4 * len(with_it) / lines.order_id.nunique()


def test_eight_in_a_hundred_policies_are_favours_to_relatives(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    orders, lines = rows["orders", "orders"], rows["orders", "order_lines"]
    policies = orders[orders.order_id.isin(set(lines[lines.product_category == "insurance"].order_id))]
    favours = policies[policies.is_favour_policy & (policies._kind == "first")]
    share = len(favours) / (policies._kind == "first").sum()
    assert share == pytest.approx(effects.FAVOUR_SHARE, abs=0.02)
    assert favours.sold_by_employee_id.notna().all()


def test_incidents_slow_one_endpoint_in_one_region_and_peaks_slow_nothing(
    lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]
) -> None:
    requests = rows["app_performance", "requests"]
    usual = requests.latency_ms.median()
    at = requests.event_at.astype("int64") // (1 if requests.event_at.dtype.name == "datetime64[us, UTC]" else 1_000)
    for incident in planted(lived.window):
        within = requests[(at >= incident.start) & (at < incident.end)]
        assert len(within) > 40
        if incident.is_harmless:
            assert within.latency_ms.median() < 1.4 * usual
        else:
            struck = within[(within.region == incident.region) & (within.endpoint == incident.endpoint)]
            assert struck.latency_ms.median() > 2.5 * usual
    assert set(requests.region) <= set(name_lists.REGIONS)


def test_goodwill_shows_what_became_of_it_only_weeks_later(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    goodwill = rows["contact_centre", "goodwill"]
    first, later = (goodwill[goodwill._kind == kind] for kind in ("first", "update"))
    assert first.later_outcome.isna().all()
    assert later.later_outcome.notna().all()
    both = first.merge(later, on="goodwill_id")
    assert (both.event_at_x == both.event_at_y).all()
    assert (both.delivered_at_y - both.event_at_y >= pd.Timedelta(days=44)).all()


def test_archive_numbers_follow_the_order_of_leaving(
    lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]
) -> None:
    customers = rows["crm", "customers"]
    closed = customers[customers.status == "closed"].sort_values("closed_at")
    assert (closed.account_no.diff().dropna() >= -100).all()
    assert closed.account_no.max() < customers[customers.status == "active"].account_no.min()


def test_who_moves_is_found_at_the_new_address_afterwards(
    lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]
) -> None:
    people, customers, orders = lived.people, rows["crm", "customers"], rows["orders", "orders"]
    moved = customers[(customers._kind == "update") & (customers.status == "active")]
    assert len(moved) > PEOPLE * 0.03
    assert (moved.street.to_numpy() == people.street.to_numpy(zero_copy_only=False)[moved._person]).all()
    before = moved.merge(customers[customers._kind == "first"], on="crm_id")
    assert (before.street_x != before.street_y).all()
    at = orders.event_at.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    at_new = orders.delivery_street.to_numpy() == people.street.to_numpy(zero_copy_only=False)[orders._person]
    assert (at_new == (people.moved_at[orders._person] <= at)).mean() > 0.999


def test_nobody_does_anything_after_leaving(lived: Journeys, rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    for name in (
        ("web_app", "sessions"),
        ("orders", "orders"),
        ("contact_centre", "contacts"),
        ("devices", "readings"),
    ):
        frame = rows[name][rows[name]._person >= 0]
        at = frame.event_at.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
        assert (at < lived.left_at[frame._person]).all()


def test_robots_are_nobody(rows: dict[tuple[str, str], pd.DataFrame]) -> None:
    sessions = rows["web_app", "sessions"]
    robots = sessions[sessions._person < 0]
    assert 0.01 < len(robots) / len(sessions) < 0.05
    assert robots.pages_count.min() >= 10
    assert robots.account_id.isna().all()
    assert 0.2 < (robots.is_bot == True).mean() < 0.6  # noqa: E712 (nullable: None where it was not noticed)

"""A pair that never was in the queue is judged when somebody asks, as a run would judge it."""

import pytest

from identity.review.labels import DIFFERENT, give_label
from identity.review.queue import open_reviews
from identity.review.side_by_side import SideBySide, side_by_side
from identity.update import update_identity
from tests.integration.test_identity_step import SetDay, set_day, write_records

__all__ = ["set_day"]

HOTLINE = "4008123123"
RECORDS = [
    {"record_id": "crm:1", "full_name": "王小明", "phone": "135 1234 9876", "birth_date": "1980-02-03", "crm_id": "C1"},
    {"record_id": "crm:2", "full_name": "Wang Xiaoming", "phone": "+8613512349876", "birth_date": "1980-02-03"},
    {"record_id": "crm:3", "full_name": "王小红", "phone": "135 1234 9876", "birth_date": "1980-02-03"},
    {"record_id": "crm:4", "full_name": "赵丽", "email": "zhao.li@qq.com", "birth_date": "1975-05-06"},
    # Father and son, and a record that fits both.
    {"record_id": "crm:5", "full_name": "李雷", "street": "长安街5号", "city": "北京", "birth_date": "1950-01-09"},
    {"record_id": "crm:6", "full_name": "李雷", "street": "长安街5号", "city": "北京", "birth_date": "1981-07-30"},
    {"record_id": "crm:8", "full_name": "李雷", "street": "长安街5号", "city": "北京"},
    {"record_id": "web:7", "cookie_id": "ck7"},
    *(
        {"record_id": f"desk:{number}", "full_name": f"{name} Walker", "phone": HOTLINE}
        for number, name in enumerate(("Ann", "Bob", "Carl", "Dora", "Emil", "Fred", "Greta", "Hugo", "Ines", "Joan",
                                       "Kurt", "Lena", "Mark", "Nora", "Otto"))
    ),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _lake(set_day: SetDay) -> None:
    write_records(RECORDS, set_day(0))
    update_identity()


def weights(found: SideBySide) -> dict[str, float]:
    return {step.comparison: step.weight_bits for step in found.steps}


def test_what_ties_two_records_or_contradicts_them_is_shown_with_a_waterfall_that_adds_up() -> None:
    one = side_by_side("crm:2", "crm:1")
    assert one.reason is None
    assert one.tied_by == "SAME_PHONE"
    assert one.contradictions == []
    assert {"full_name", "phone", "birth_date"} <= set(one.same)  # in two scripts, and written in two ways
    assert next(iter(weights(one))) == "prior"
    assert sum(weights(one).values()) == pytest.approx(one.match_strength)
    twins = side_by_side("crm:1", "crm:3")
    assert (twins.tied_by, twins.contradictions) == (None, ["TWINS"])
    assert sum(weights(twins).values()) == pytest.approx(twins.match_strength)  # of the comparisons alone
    strangers = side_by_side("crm:1", "crm:4")
    assert strangers.match_strength is not None
    assert strangers.match_strength < -10
    assert (strangers.tied_by, strangers.same) == (None, [])


def test_labels_do_not_change_what_the_matcher_says() -> None:
    before = side_by_side("crm:1", "crm:2")
    give_label("crm:1", "crm:2", DIFFERENT)
    after = side_by_side("crm:1", "crm:2")
    assert after.label is not None
    assert (after.steps, after.tied_by) == (before.steps, before.tied_by)


def test_pair_of_the_queue_is_judged_as_the_run_judged_it() -> None:
    waiting = open_reviews()
    assert waiting
    for review in waiting:
        shown = side_by_side(review.person_record_id_l, review.person_record_id_r)
        assert shown.match_strength == pytest.approx(review.match_strength, abs=0.01)
        weights_of_run = {item["comparison"]: item["weight_bits"] for item in review.weights}
        assert {name: bits for name, bits in weights(shown).items() if name != "prior"} == pytest.approx(
            weights_of_run, abs=0.01
        )


def test_value_that_too_many_share_says_nothing_of_two_of_them() -> None:
    assert "phone" not in weights(side_by_side("desk:0", "desk:1"))


def test_record_that_identifies_nobody_is_compared_with_none() -> None:
    shown = side_by_side("crm:1", "web:7")
    assert (shown.steps, shown.match_strength, shown.tied_by) == ([], None, None)

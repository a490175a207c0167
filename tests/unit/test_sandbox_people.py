"""People and how the systems see them: households, twins, two scripts, duplicates and wrong values, at their shares."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from infra.sandbox.life import effects
from infra.sandbox.people import name_lists
from infra.sandbox.people.households import CHILD, HEAD, PARTNER, People, make_people
from infra.sandbox.people.system_views import (
    PLACEHOLDER_EMAIL,
    PLACEHOLDER_PHONE,
    make_accounts,
    make_crm_records,
    typing_errors,
    wrong_values,
)
from infra.sandbox.rows.draw import DAY, Draw, Ints

COUNT = 20_000
END = 20_635 * DAY


@pytest.fixture(scope="module")
def people() -> People:
    return make_people(7, block=0, first=0, count=COUNT, start=END - 180 * DAY, end=END)


@pytest.fixture(scope="module")
def crm(people: People) -> tuple[Ints, pa.Table]:
    return make_crm_records(7, 0, people, since=END - 180 * DAY)


@pytest.mark.parametrize("column", ["email", "phone", "national_id", "loyalty_no"])
def test_true_numbers_belong_to_one_person(people: People, column: str) -> None:
    assert len(getattr(people, column).unique()) == COUNT


def test_blocks_of_people_share_no_numbers(people: People) -> None:
    others = make_people(7, block=1, first=COUNT, count=5_000, start=END - 180 * DAY, end=END)
    for column in ("email", "phone", "loyalty_no"):
        assert not set(getattr(people, column).to_pylist()) & set(getattr(others, column).to_pylist())
    accounts = make_accounts(7, 0, people).account_id, make_accounts(7, 1, others).account_id
    assert len(pa.concat_arrays(accounts).unique()) == sum(map(len, accounts))


def test_national_ids_carry_birth_date_sex_and_check_digit(people: People) -> None:
    weights = [pow(2, 17 - place, 11) for place in range(17)]
    for national_id, birth_day, is_male in list(
        zip(people.national_id.to_pylist(), people.birth_day, people.is_male, strict=True)
    )[:300]:
        assert re.fullmatch(r"[1-6][0-9]{16}[0-9X]", national_id)
        assert national_id[6:14] == str(np.datetime64(int(birth_day), "D")).replace("-", "")
        assert int(national_id[16]) % 2 == int(is_male)
        assert (
            "10X98765432"[sum(int(d) * w for d, w in zip(national_id, weights, strict=False)) % 11] == national_id[17]
        )


def test_twins_share_birth_date_and_household_but_not_their_given_name(people: People) -> None:
    twins = np.flatnonzero(people.is_twin)
    assert 100 < len(twins) < COUNT * 0.1
    second = twins[(people.role[twins] == CHILD) & np.isin(twins - 1, twins)]
    same = people.household[second] == people.household[second - 1]
    assert (people.birth_day[second][same] == people.birth_day[second - 1][same]).mean() > 0.9
    given = people.given.to_numpy(zero_copy_only=False)
    assert (given[second] != given[second - 1]).mean() > 0.9


def test_some_sons_bear_their_fathers_whole_name_at_the_same_address(people: People) -> None:
    head = np.maximum.accumulate(np.where(people.role == HEAD, np.arange(COUNT), 0))
    full = people.full_name(np.arange(COUNT)).to_numpy(zero_copy_only=False)
    street = people.street.to_numpy(zero_copy_only=False)
    sons = (people.role == CHILD) & (full == full[head]) & (street == street[head])
    assert sons.sum() > 20


def test_partners_of_latin_name_had_another_one_before(people: People) -> None:
    maiden = people.maiden.is_valid().to_numpy(zero_copy_only=False)
    assert maiden.sum() > 300
    assert (people.role[maiden] == PARTNER).all()


def test_names_come_in_two_scripts_and_both_orders(crm: tuple[Ints, pa.Table]) -> None:
    full = crm[1]["full_name"].to_pylist()
    hanzi = [name for name in full if re.search(r"[\u4e00-\u9fff]", name)]
    assert 0.5 < len(hanzi) / len(full) < 0.8
    families = set(name_lists.pairs(name_lists.FAMILY_HANZI)[1])
    latin = [name.split(" ") for name in full if re.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+", name)]
    first = sum(parts[0] in families and parts[1] not in families for parts in latin)
    last = sum(parts[1] in families and parts[0] not in families for parts in latin)
    assert first > 100
    assert last > 100


def test_one_person_in_nine_has_several_crm_records(crm: tuple[Ints, pa.Table]) -> None:
    copies = np.bincount(crm[0], minlength=COUNT)
    assert (copies > 1).mean() == pytest.approx(0.115, abs=0.01)
    assert (copies == 0).mean() == pytest.approx(0.03, abs=0.01)
    assert len(crm[1]["crm_id"].unique()) == crm[1].num_rows


def test_birth_dates_are_defaulted_here_and_there(crm: tuple[Ints, pa.Table]) -> None:
    dates = [value for value in crm[1]["birth_date"].to_pylist() if value]
    assert 0.02 < sum(value == "1900-01-01" for value in dates) / len(dates) < 0.08
    assert sum(value.endswith("-01-01") for value in dates) / len(dates) > 0.04
    assert any("/" in value for value in dates)


@pytest.mark.parametrize("column", ["email", "phone"])
def test_three_in_a_hundred_identity_values_are_wrong(people: People, column: str) -> None:
    index = np.flatnonzero(~people.is_proxy)
    true = getattr(people, column).take(pa.array(index))
    seen = wrong_values(Draw(5), people=people, index=index, column=column)
    wrong = pc.not_equal(true, seen).to_numpy(zero_copy_only=False)
    assert wrong.mean() == pytest.approx(effects.WRONG_IDENTITY_SHARE, abs=0.004)
    everybody = set(getattr(people, column).to_pylist())
    borrowed = [
        (int(i), value)
        for i, value, bad in zip(index, seen.to_pylist(), wrong, strict=True)
        if bad and value in everybody
    ]
    owner = {value: place for place, value in enumerate(getattr(people, column).to_pylist())}
    assert all(people.household[i] == people.household[owner[value]] for i, value in borrowed if column == "email")
    assert {PLACEHOLDER_EMAIL, PLACEHOLDER_PHONE} & set(seen.to_pylist())


def test_a_typing_error_changes_one_place() -> None:
    values = pa.array(["liwei@mail.example", "张", None, "ab", "12345678"] * 40)
    spoilt = typing_errors(Draw(1), values).to_pylist()
    for before, after in zip(values.to_pylist(), spoilt, strict=True):
        if before is None or len(before) < 2:
            assert after == before
        else:
            assert abs(len(after) - len(before)) <= 1
            assert sorted(after) == sorted(before) or len(after) != len(before)

"""Who is one person and who is not: the guards on real-looking rows, and bad input."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.links.new_links import LINKS, resolve
from identity.matching.person_records import SCHEMA, RecordsError, read_records
from identity.matching.resolve import Matching, match

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SYLLABLES = ["".join(letters) for letters in product("bdfgklmnpr", "aeiou", "tx")]
FATHER_ID, SON_ID = "11010519491231002X", "440308199901101512"


def records(*rows: dict[str, Any]) -> pa.Table:
    """Person records; `record_id` is the place in the list where a row gives none, unknown keys are identifiers."""
    made = []
    for number, row in enumerate(rows):
        held = [{"kind": k, "value": v} for k, v in row.items() if k not in SCHEMA.names]
        plain = {k: v for k, v in row.items() if k in SCHEMA.names}
        made.append({"record_id": f"r{number}", "source": "crm", "updated_at": NOW, "identifiers": held} | plain)
    return pa.Table.from_pylist(made, schema=SCHEMA)


def groups(*rows: dict[str, Any]) -> list[list[int]]:
    """The rows' places, grouped by the person they were found to be."""
    found = match(records(*rows))
    labels: dict[int, list[int]] = {}
    for record_id, label in zip(found.record_ids.to_pylist(), found.component.tolist(), strict=True):
        labels.setdefault(label, []).append(int(record_id.removeprefix("r")))
    return sorted(sorted(group) for group in labels.values())


def test_one_person_is_found_across_scripts_typing_errors_and_systems() -> None:
    assert groups(
        {"full_name": "王小明", "phone": "138 1234 5678", "crm_id": "C0000001", "birth_date": "1980-02-03"},
        {"full_name": "Xiaoming Wang", "phone": "+86 13812345678"},
        {"full_name": "Wang Xiaoming", "email": "xiaoming@qq.com", "crm_id": "c0000001"},
        {"email": "XIAOMING@qq.com", "loyalty_no": "L77"},
        {"loyalty_no": "L77"},
        {"full_name": "小明王", "email": "xiaoming@qq.com", "account_id": "A9"},
        {"account_id": "A9", "cookie_id": "ck1", "device_id": "dv1"},
        {"cookie_id": "ck1"},
        {"device_id": "dv1"},
    ) == [[0, 1, 2, 3, 4, 5, 6, 7, 8]]


def test_twins_with_one_phone_and_one_address_stay_apart() -> None:
    home = {"phone": "13812345678", "street": "人民路12号", "city": "上海", "birth_date": "2004-05-06"}
    assert groups(
        {"full_name": "李娜", "gender": "F", **home},
        {"full_name": "李安", "gender": "F", **home},
        {"full_name": "Li Na", "gender": "F", **home},
    ) == [[0, 2], [1]]


def test_father_and_son_of_one_name_stay_apart_though_a_nameless_birth_date_bridges_them() -> None:
    home = {"full_name": "John Miller", "phone": "13812345678", "street": "5 Road", "city": "Shanghai"}
    found = groups(
        {"birth_date": "1960-03-04", "national_id": FATHER_ID, "crm_id": "C1", **home},
        {"birth_date": "1992-08-09", "national_id": SON_ID, "crm_id": "C2", **home},
        {**home},
        {"crm_id": "C1", "full_name": "John Miller"},
    )
    assert found == [[0, 3], [1], [2]]


def test_juniors_and_seniors_are_two() -> None:
    assert groups(
        {"full_name": "John Miller Sr", "email": "millers@qq.com"},
        {"full_name": "John Miller Jr.", "email": "millers@qq.com"},
    ) == [[0], [1]]


def test_household_email_joins_spellings_of_one_member_only() -> None:
    assert groups(
        {"full_name": "Anna Schmidt", "email": "schmidts@gmx.de"},
        {"full_name": "Peter Schmidt", "email": "schmidts@gmx.de"},
        {"full_name": "A. Schmidt", "email": "schmidts@gmx.de", "phone": "+49 170 9234567"},
        {"email": "schmidts@gmx.de"},
    ) == [[0, 2], [1], [3]]


def test_email_that_two_show_goes_to_whom_it_names() -> None:
    assert groups(
        {"full_name": "Anna Schmidt", "email": "anna.schmidt77@gmx.de"},
        {"full_name": "Peter Schmidt", "email": "anna.schmidt77@gmx.de"},
        {"email": "anna.schmidt77@gmx.de"},
    ) == [[0, 2], [1]]


def test_married_name_is_one_person_where_the_address_is_hers() -> None:
    assert groups(
        {"full_name": "Anna Schmidt", "gender": "F", "email": "anna77@gmx.de"},
        {"full_name": "Anna Weber", "gender": "F", "email": "anna77@gmx.de"},
    ) == [[0, 1]]


def test_borrowed_national_id_does_not_join_strangers() -> None:
    assert groups(
        {"full_name": "王小明", "national_id": FATHER_ID, "birth_date": "1949-12-31"},
        {"full_name": "赵丽", "national_id": FATHER_ID, "birth_date": "1990-01-02"},
    ) == [[0], [1]]


def test_two_valid_national_ids_are_two_people() -> None:
    same = {"full_name": "王小明", "email": "xiaoming@qq.com", "phone": "13812345678"}
    assert groups({"national_id": FATHER_ID, **same}, {"national_id": SON_ID, **same}) == [[0], [1]]


def test_nameless_record_never_bridges_two_people() -> None:
    assert groups(
        {"full_name": "王小明", "phone": "13812345678"},
        {"full_name": "赵丽", "email": "zhaoli@qq.com"},
        {"phone": "13812345678", "email": "zhaoli@qq.com"},
    ) in ([[0], [1, 2]], [[0, 2], [1]])


def test_nameless_record_joins_two_records_of_one_name() -> None:
    assert groups(
        {"full_name": "王小明", "phone": "13812345678"},
        {"full_name": "Wang Xiaoming", "email": "w77@qq.com"},
        {"phone": "13812345678", "email": "w77@qq.com"},
    ) == [[0, 1, 2]]


def test_nameless_record_joins_by_any_number_that_somebody_holds_unless_its_id_is_another() -> None:
    owner = {"full_name": "王小明", "crm_id": "C1", "national_id": FATHER_ID}
    assert groups(owner, {"account_id": "A1", "crm_id": "C1"}, {"loyalty_no": "L1", "crm_id": "C1"}) == [[0, 1, 2]]
    assert groups(owner, {"national_id": "AB12345", "crm_id": "C1"}) == [[0, 1]]
    assert groups(owner, {"national_id": SON_ID, "crm_id": "C1"}) == [[0], [1]]


def test_browser_that_saw_two_accounts_joins_neither() -> None:
    assert groups(
        {"full_name": "王小明", "account_id": "A1"},
        {"full_name": "赵丽", "account_id": "A2"},
        {"account_id": "A1", "cookie_id": "ck1"},
        {"account_id": "A2", "cookie_id": "ck1"},
        {"cookie_id": "ck1"},
    ) == [[0, 2], [1, 3], [4]]


def test_accounts_that_nobody_named_are_not_joined_by_a_browser() -> None:
    assert groups({"account_id": "A1", "cookie_id": "ck1"}, {"account_id": "A2", "cookie_id": "ck1"}) == [[0], [1]]


def test_call_centre_number_on_10000_records_joins_nobody_and_is_reported() -> None:
    found = match(
        records(
            *(
                {"full_name": f"{given} {family}", "phone": "02161008000"}
                for given, family in product(SYLLABLES, repeat=2)
            )
        )
    )
    assert found.persons > 9_900
    assert [(g["kind"], g["reason"], g["records"]) for g in found.guarded.to_pylist()] == [
        ("phone", "TOO_MANY_NAMES", 10_000)
    ]


def test_number_on_10000_nameless_records_is_guarded() -> None:
    found = match(records(*({"phone": "02161008000", "record_id": f"r{n}"} for n in range(10_000))))
    assert found.persons == 10_000
    assert found.guarded["reason"].to_pylist() == ["TOO_MANY_RECORDS"]


def test_placeholders_join_nobody() -> None:
    same = {
        "email": "a@a.com",
        "phone": "13800000000",
        "national_id": "000000",
        "crm_id": "unknown",
        "birth_date": "1900-01-01",
    }
    assert groups({**same}, {**same}, {"full_name": "王小明", **same}) == [[0], [1], [2]]


def test_default_birth_date_is_no_evidence() -> None:
    rows = [
        {
            "full_name": f"王{'小大老中'[n % 4]}{'明伟强军'[n // 4]}",
            "birth_date": "1980-01-01",
            "street": "5",
            "city": "上海",
        }
        for n in range(16)
    ]
    assert len(groups(*rows)) == 16


def test_slip_in_the_address_is_seen_through() -> None:
    assert groups(
        {"full_name": "王小明", "email": "xiaoming.wang1980@qq.com"},
        {"full_name": "Wang Xiaoming", "email": "xiaomnig.wang1980@qq.com"},
        {"email": "xiaoming.wan1980@qq.com"},
        {"full_name": "王小明", "email": "xiaoming.wang1981@qq.com"},
    ) == [[0, 1, 2], [3]]


def test_explanation_names_the_rule_and_weighs_each_comparison() -> None:
    found = match(
        records(
            {"full_name": "王小明", "phone": "13812345678", "birth_date": "1980-02-03"},
            {"full_name": "Wang Xiaoming", "phone": "13812345678", "birth_date": "1980-02-03"},
            {"full_name": "赵丽"},
        )
    )
    (pair,) = found.pairs.to_pylist()
    assert (pair["record_id_l"], pair["record_id_r"], pair["match_kind"]) == ("r0", "r1", "SAME_PHONE")
    weights = {name: value for name, value in pair.items() if name.startswith("weight_")}
    assert pair["match_strength"] == sum(value for value in weights.values() if value is not None)
    assert weights["weight_phone"] > 0
    assert weights["weight_birth_date"] > 0
    assert weights["weight_email"] is None  # nothing to compare
    assert found.links["match_kind"].to_pylist() == ["SAME_PHONE", "SAME_PHONE", "SINGLETON"]


def test_every_record_has_exactly_one_link_and_nulls_of_any_type_are_taken() -> None:
    table = pa.table(
        {
            "record_id": ["b", "a"],
            "source": pa.nulls(2),
            "updated_at": pa.nulls(2),
            "identifiers": pa.nulls(2),
            "email": pa.nulls(2),
        }
    )
    links = resolve(table)
    assert links.schema == LINKS
    assert links["record_id"].to_pylist() == ["a", "b"]
    assert links["match_kind"].to_pylist() == ["SINGLETON", "SINGLETON"]
    assert len(set(links["person_id"].to_pylist())) == 2


def test_empty_table_gives_no_links() -> None:
    assert resolve(SCHEMA.empty_table()).num_rows == 0


def test_numbers_and_other_types_of_text_are_read() -> None:
    table = pa.table(
        {
            "record_id": pa.array([1, 2], pa.int64()),
            "source": pa.array(["x", "y"]).dictionary_encode(),
            "updated_at": pa.array(["2026-01-01", "2026-01-02"]),
            "phone": pa.array([13812345678.0, float("nan")], pa.float64()),
            "email": pa.array(["li.na@qq.com", "li.na@qq.com"], pa.large_string()),
            "identifiers": pa.array([[{"kind": "phone", "value": "13812345678", "extra": 1}], None]),
        }
    )
    assert len(set(resolve(table)["person_id"].to_pylist())) == 1


@pytest.mark.parametrize("times", [["2026-01-02"], ["2026-01-02T00:00:00Z"], ["2026-01-02 08:00:00+08:00"]])
def test_moments_as_text_are_read_with_their_zone_or_as_utc(times: list[str]) -> None:
    table = pa.table({"record_id": ["a"], "source": ["crm"], "updated_at": times})
    assert read_records(table)["updated_at"].to_pylist() == [datetime(2026, 1, 2, tzinfo=UTC)]


BROKEN = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
IDENTIFIERS_BROKEN = pa.ListArray.from_arrays(
    [0, 1], pa.StructArray.from_arrays([pa.array(["email"]), BROKEN], ["kind", "value"])
)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"record_id": ["a"], "email": ["x"]}), "lack the column(s) source, updated_at"),
        (records({"record_id": "a"}, {"record_id": "a"}), "more than once, as a"),
        (records({}).set_column(0, "record_id", pa.array([None], pa.string())), "have no record_id"),
        (records({}).set_column(16, "identifiers", pa.array(["crm_id=C1"])), "identifiers"),
        (records({}).set_column(3, "full_name", BROKEN), "column full_name of the person records holds text that is"),
        (records({}).set_column(0, "record_id", BROKEN), "not UTF-8"),
        (records({}).set_column(16, "identifiers", IDENTIFIERS_BROKEN), "column identifiers of the person records"),
    ],
)
def test_unusable_records_are_rejected_with_a_cure(table: pa.Table, says: str) -> None:
    with pytest.raises(RecordsError) as rejected:
        resolve(table)
    assert says in str(rejected.value)
    assert rejected.value.cure
    assert rejected.value.exit_code == 2


ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "full_name": st.sampled_from(
                ["王小明", "Wang Xiaoming", "Xiaoming W.", "赵丽", "John Miller", "J Miller", "Mary Miller"]
            ),
            "birth_date": st.sampled_from(["1980-02-03", "1980-03-02", "1999-09-09"]),
            "national_id": st.sampled_from([FATHER_ID, SON_ID]),
            "email": st.sampled_from(["one@qq.com", "two@qq.com", "millers77@qq.com"]),
            "phone": st.sampled_from(["13812345678", "13912349999"]),
            "crm_id": st.sampled_from(["C1", "C2"]),
            "account_id": st.sampled_from(["A1", "A2"]),
            "cookie_id": st.sampled_from(["ck1", "ck2"]),
            "street": st.sampled_from(["5 Road"]),
            "city": st.sampled_from(["Shanghai"]),
        },
    ),
    max_size=30,
)


def partition(found: Matching) -> set[frozenset[str]]:
    labels: dict[int, set[str]] = {}
    for record_id, label in zip(found.record_ids.to_pylist(), found.component.tolist(), strict=True):
        labels.setdefault(label, set()).add(record_id)
    return {frozenset(group) for group in labels.values()}


@given(rows=ROWS, order=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_order_of_arrival_does_not_change_the_grouping(rows: list[dict[str, Any]], order: Any) -> None:
    table = records(*rows)
    places = list(range(len(rows)))
    order.shuffle(places)
    assert partition(match(table)) == partition(match(table.take(pa.array(places, pa.int64()))))


@given(rows=ROWS)
@settings(max_examples=15, deadline=None)
def test_nobody_has_two_valid_national_ids_and_every_tie_is_within_one_person(rows: list[dict[str, Any]]) -> None:
    found = match(records(*rows))
    person = dict(zip(found.record_ids.to_pylist(), found.component.tolist(), strict=True))
    numbers: dict[int, set[str]] = {}
    for place, row in enumerate(rows):
        # An id that contradicts the record's own birth date is borrowed, and no evidence.
        if row.get("national_id") and row.get("full_name") and "birth_date" not in row:
            numbers.setdefault(person[f"r{place}"], set()).add(row["national_id"])
    assert all(len(held) == 1 for held in numbers.values())
    assert all(person[p["record_id_l"]] == person[p["record_id_r"]] for p in found.pairs.to_pylist())
    tied = {p[side] for p in found.pairs.to_pylist() for side in ("record_id_l", "record_id_r")}
    alone = {link["record_id"] for link in found.links.to_pylist() if link["match_kind"] == "SINGLETON"}
    assert tied.isdisjoint(alone)

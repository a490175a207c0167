"""Who lives together is not one person, and who moved, married or was misspelt is; and input that nobody meant."""

from itertools import product
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from identity.links.new_links import resolve
from identity.matching.person_records import SCHEMA, RecordsError
from identity.matching.resolve import match
from tests.unit.test_identity_resolve import FATHER_ID, SON_ID, SYLLABLES, groups, records

Row = dict[str, Any]
HOME = {"street": "人民路12号", "city": "上海", "postcode": "200001", "phone": "13812345678"}
MISSPELT = HOME | {"street": "人民路12"}
ABROAD = {"street": "14 Station Road", "city": "Bristol", "postcode": "BS1 6QF", "phone": "+44 7911 923456"}
#: Two streets of one postcode.
NEAR = [{"street": street, "city": "München", "postcode": "80331"} for street in ("Lindenweg 4", "Hauptstr. 97")]
BORN = {"birth_date": "2004-05-06"}
#: name of the case -> rows, and how they are grouped.
TWO_PEOPLE: dict[str, tuple[list[Row], list[list[int]]]] = {
    "chinese twins of one character": (
        [{"full_name": "李娜", **HOME, **BORN}, {"full_name": "李安", **HOME, **BORN}], [[0], [1]],
    ),
    "chinese twins of a shared generation character": (
        [{"full_name": "王晓明", **HOME, **BORN}, {"full_name": "王晓东", **HOME, **BORN}], [[0], [1]],
    ),
    "chinese twins whose address is misspelt": (
        [{"full_name": "王晓明", **HOME, **BORN}, {"full_name": "王晓东", **MISSPELT, **BORN}], [[0], [1]],
    ),
    "chinese twins in latin letters": (
        [{"full_name": "Wang Jianguo", **HOME, **BORN}, {"full_name": "Wang Meili", **HOME, **BORN}], [[0], [1]],
    ),
    "latin twins": (
        [{"full_name": "Oliver Baker", **ABROAD, **BORN}, {"full_name": "Thomas Baker", **ABROAD, **BORN}], [[0], [1]],
    ),
    "latin twins whose names sound alike": (
        [{"full_name": "Daniel Baker", **ABROAD, **BORN}, {"full_name": "David Baker", **ABROAD, **BORN}], [[0], [1]],
    ),
    "latin twins whose address is misspelt": (
        [
            {"full_name": "Oliver Baker", **ABROAD, **BORN},
            {"full_name": "Thomas Baker", **ABROAD, **BORN, "street": "14 Sation Road"},
        ], [[0], [1]],
    ),
    "twins with a record each of two systems": (
        [
            {"full_name": "李娜", **HOME, **BORN}, {"full_name": "Li Na", "phone": HOME["phone"]},
            {"full_name": "李安", **HOME, **BORN}, {"full_name": "Li An", "phone": HOME["phone"]},
        ], [[0, 1], [2, 3]],
    ),
    "father and son with suffixes": (
        [{"full_name": "John Miller Sr.", **ABROAD}, {"full_name": "John Miller Jr", **ABROAD}], [[0], [1]],
    ),
    "father and son of one name without suffixes": (
        [
            {"full_name": "John Miller", **ABROAD, "birth_date": "1960-03-04"},
            {"full_name": "John Miller", **ABROAD, "birth_date": "1992-08-09"},
        ], [[0], [1]],
    ),
    "father and son with a record between that has no birth date": (
        [
            {"full_name": "John Miller", **ABROAD, "birth_date": "1960-03-04"},
            {"full_name": "John Miller", **ABROAD, "birth_date": "1992-08-09"},
            {"full_name": "John Miller", **ABROAD},
        ], [[0], [1], [2]],
    ),
    "father and son of one name who live near each other, most of whose records have no birth date": (
        [
            {"full_name": "Michael Brandt", **NEAR[place], "birth_date": born, "email": f"michael{born[:4]}@gmx.de"}
            if is_told
            else {"full_name": "Michael Brandt", **NEAR[place], "email": f"michael{born[:4]}@gmx.de"}
            for place, born in enumerate(("1971-01-30", "2002-11-21"))
            for is_told in (True, False, False)
        ], [[0, 1, 2], [3, 4, 5]],
    ),
    "husband and wife, one's family name the other's given name": (
        [{"full_name": "Wang Li", **HOME}, {"full_name": "Li Fang", **HOME}], [[0], [1]],
    ),
    "mother and daughter, of whom a form exchanged the daughter's names": (
        [{"full_name": "Susan McDonald", **ABROAD}, {"given_name": "McDonald", "family_name": "Emily", **ABROAD}],
        [[0], [1]],
    ),
    "mother and daughter of one e-mail and phone": (
        [
            {"full_name": "王芳", "gender": "F", "birth_date": "1970-01-15", "email": "wangfamily@qq.com", **HOME},
            {"full_name": "李小雨", "gender": "F", "birth_date": "1998-06-21", "email": "wangfamily@qq.com", **HOME},
        ], [[0], [1]],
    ),
    "latin mother and daughter of one family name, e-mail and phone": (
        [
            {"full_name": "Susan Baker", "gender": "F", "email": "bakers@gmx.de", **ABROAD, "birth_date": "1970-01-15"},
            {"full_name": "Emily Baker", "gender": "F", "email": "bakers@gmx.de", **ABROAD, "birth_date": "1998-06-21"},
        ], [[0], [1]],
    ),
    "mother and daughter whose birth dates nobody knows": (
        [
            {"full_name": "Susan Baker", "email": "bakers@gmx.de", **ABROAD},
            {"full_name": "Emily Baker", "email": "bakers@gmx.de", **ABROAD},
        ], [[0], [1]],
    ),
    "flat mates": (
        [
            {"full_name": "张伟", **HOME, "birth_date": "1995-02-11"},
            {"full_name": "刘洋", **HOME, "birth_date": "1995-07-30"},
            {"full_name": "Anna Schmidt", **HOME, "birth_date": "1996-02-11"},
        ], [[0], [1], [2]],
    ),
    "callers from a family's phone": (
        [
            {"full_name": "王建国", "phone": "02162345678"}, {"full_name": "王芳", "phone": "02162345678"},
            {"full_name": "王小雨", "phone": "02162345678"}, {"phone": "02162345678"},
        ], [[0], [1], [2], [3]],
    ),
    "two of a very common name in one city": (
        [
            {"full_name": "王伟", "city": "上海", "phone": "13812345678", "birth_date": "1980-02-03"},
            {"full_name": "王伟", "city": "上海", "phone": "13987654321", "birth_date": "1991-11-12"},
        ], [[0], [1]],
    ),
    "two of a very common name in one city of whom little is known": (
        [
            {"full_name": "王伟", "city": "上海", "email": "ww19@qq.com"},
            {"full_name": "王伟", "city": "上海", "phone": "13987654321"},
        ], [[0], [1]],
    ),
    "a borrowed national id": (
        [
            {"full_name": "王建国", "national_id": FATHER_ID, "birth_date": "1949-12-31"},
            {"full_name": "赵丽", "national_id": FATHER_ID, "birth_date": "1991-11-12", "phone": "13987654321"},
        ], [[0], [1]],
    ),
    "two national ids in one house": (
        [{"full_name": "王伟", "national_id": FATHER_ID, **HOME}, {"full_name": "王伟", "national_id": SON_ID, **HOME}],
        [[0], [1]],
    ),
}  # fmt: skip
ONE_PERSON: dict[str, list[Row]] = {
    "married, by her national id": [
        {"full_name": "Anna Schmidt", "gender": "F", "national_id": "440308199901101512", "birth_date": "1999-01-10"},
        {"full_name": "Anna Weber", "gender": "F", "national_id": "440308199901101512", "birth_date": "1999-01-10"},
    ],
    "married, by her e-mail": [
        {"full_name": "Anna Schmidt", "gender": "F", "email": "anna77@gmx.de", "birth_date": "1977-04-05"},
        {"full_name": "Anna Weber", "gender": "F", "email": "anna77@gmx.de", "birth_date": "1977-04-05"},
    ],
    "a nickname": [
        {"full_name": "William Parker", **ABROAD}, {"full_name": "Bill Parker", **ABROAD},
    ],
    "a nickname with a birth date": [
        {"full_name": "Elizabeth Parker", "birth_date": "1980-02-03", "email": "parker80@gmx.de"},
        {"full_name": "Liz Parker", "birth_date": "1980-02-03", "email": "parker80@gmx.de"},
    ],
    "both scripts and both orders": [
        {"full_name": "王小明", "birth_date": "1980-02-03", "phone": HOME["phone"]},
        {"full_name": "Xiaoming Wang", "birth_date": "1980-02-03", "phone": HOME["phone"]},
        {"full_name": "Wang Xiaoming", "phone": HOME["phone"]},
        {"given_name": "Xiao Ming", "family_name": "Wang", "phone": HOME["phone"]},
        {"full_name": "小明王", "phone": HOME["phone"]},
    ],
    "day and month exchanged": [
        {"full_name": "Oliver Baker", "birth_date": "1980-02-03", **ABROAD},
        {"full_name": "Oliver Baker", "birth_date": "1980-03-02", **ABROAD},
    ],
    "a chinese name, day and month exchanged": [
        {"full_name": "王小明", "birth_date": "1980-02-03", "phone": HOME["phone"]},
        {"full_name": "王小明", "birth_date": "1980-03-02", "phone": HOME["phone"]},
    ],
    "moved house and kept the phone": [
        {"full_name": "Oliver Baker", "birth_date": "1980-02-03", **ABROAD},
        {"full_name": "Oliver Baker", "birth_date": "1980-02-03", **ABROAD, "street": "3 Mill Lane", "city": "Leeds",
         "postcode": "LS1 4AP"},
    ],
    "moved house and kept the e-mail": [
        {"full_name": "王小明", "email": "xiaoming1980@qq.com", "street": "人民路12号", "city": "上海"},
        {"full_name": "王小明", "email": "xiaoming1980@qq.com", "street": "中山路3号", "city": "广州"},
    ],
    "a father's account, opened under a wrong birth date": [
        {"full_name": "Oliver Baker", "birth_date": "1980-02-03", **ABROAD, "account_id": "A10001803"},
        {"full_name": "Oliver Baker", "birth_date": "1911-11-11", **ABROAD, "account_id": "A10001803"},
        {"full_name": "Oliver Baker", **ABROAD},
    ],
    "two characters of the name exchanged": [
        {"full_name": "徐磊国", "email": "leiguo1346@qq.com", "account_id": "A10001803"},
        {"full_name": "磊徐国", "account_id": "A10001803"},
        {"account_id": "A10001803"},
    ],
    "called by the given name": [
        {"full_name": "郑诗莉", "birth_date": "1980-02-03", "email": "shili4916@qq.com", **HOME},
        {"full_name": "Shili Zheng", "email": "shili4916@qq.com", "phone": HOME["phone"]},
        {"full_name": "诗莉", "email": "shili4916@qq.com", "account_id": "A10001803"},
        {"account_id": "A10001803"},
    ],
    "a character doubled, also where the other name is in latin letters": [
        {"full_name": "高慧", "email": "hui5420@qq.com", "phone": HOME["phone"]},
        {"full_name": "Hui Gao", "email": "hui5420@qq.com"},
        {"full_name": "高高慧", "email": "hui5420@qq.com", "account_id": "A10001803"},
    ],
    "a mailing whose host was misspelt": [
        {"full_name": "Anna Schmidt", "email": "anna.schmidt1977@gmx.de", **ABROAD},
        {"email": "anna.schmidt1977@mgx.de"}, {"email": "anna.schmidt1977@gmxx.de"},
    ],
    "a slip in the name, the rest the same": [
        {"full_name": "Oliver Baker", "birth_date": "1980-02-03", **ABROAD},
        {"full_name": "Olvier Baker", "birth_date": "1980-02-03", **ABROAD},
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", TWO_PEOPLE)
def test_two_people_stay_two(case: str) -> None:
    rows, expected = TWO_PEOPLE[case]
    assert groups(*rows) == expected


@pytest.mark.parametrize("case", ONE_PERSON)
def test_one_person_is_found(case: str) -> None:
    rows = ONE_PERSON[case]
    assert groups(*rows) == [list(range(len(rows)))]


#: Nothing of it may stop a run, whatever column it stands in.
HOSTILE = ["\x00", "a\x00b", "x" * 10_000, "王" * 10_000, "😀👩‍👩‍👧", "\u202eevil\u202c", "محمد علي",
           "'; drop table people; --", "%s{0}",
           "\ud7ff\uffff", "0" * 400, "-1", "9999-99-99", "NaN", "@", "a@b@c", "+", " \t\n"]  # fmt: skip
TEXTS = [field.name for field in SCHEMA if field.type == pa.string() and field.name not in ("record_id", "source")]


@pytest.mark.parametrize("length", [1, 50])
def test_columns_without_any_value_give_singletons(length: int) -> None:
    rows = [{"record_id": f"r{n}"} for n in range(length)]
    assert match(records(*rows)).persons == length
    assert resolve(SCHEMA.empty_table()).num_rows == 0


def test_one_value_in_every_row_of_a_column_ties_nobody() -> None:
    for same in (
        {"city": "上海", "gender": "F"},
        {"full_name": "王伟"},
        {"full_name": "王伟", "city": "上海", "gender": "M"},
    ):
        assert match(records(*({**same, "record_id": f"r{n:03}"} for n in range(100)))).persons == 100, same


def test_one_birth_date_in_every_row_is_a_default() -> None:
    rows = [
        {"full_name": f"{a} {b}", "birth_date": "1985-06-17", "city": "上海"}
        for a, b in product(SYLLABLES[:20], repeat=2)
    ]
    assert match(records(*rows)).persons == 400


def test_10000_records_that_say_the_same_are_one_person() -> None:
    one = {"full_name": "王小明", "phone": "13812345678", "birth_date": "1980-02-03", "city": "上海"}
    found = match(records(*(one | {"record_id": f"r{n}"} for n in range(10_000))))
    assert found.persons == 1
    assert found.guarded["reason"].to_pylist() == ["TOO_MANY_RECORDS"]


def test_3000_of_one_name_city_and_birth_date_with_customer_numbers_are_3000() -> None:
    same = {"full_name": "王伟", "birth_date": "1990-10-01", "city": "上海"}
    assert match(records(*(same | {"crm_id": f"C{n}"} for n in range(3_000)))).persons == 3_000


def test_3000_of_one_name_city_and_birth_date_with_numbers_of_their_own_are_not_one_crowd() -> None:
    same, chance = {"full_name": "王伟", "birth_date": "1990-10-01", "city": "上海"}, Random(1)
    found = match(
        records(*(same | {"phone": f"138{chance.randrange(10**8):08}", "crm_id": f"C{n}"} for n in range(3_000)))
    )
    # Some show a number that is another's with its digits shuffled, and are held against each other for that.
    assert found.persons > 2_500


def test_duplicate_record_ids_are_rejected_with_a_cure() -> None:
    with pytest.raises(RecordsError, match="more than once") as rejected:
        match(records({"record_id": "a"}, {"record_id": "b"}, {"record_id": "a"}))
    assert rejected.value.cure


def test_hostile_values_in_any_column_do_not_stop_a_run() -> None:
    rows: list[Row] = [dict.fromkeys(TEXTS, text) for text in HOSTILE]
    rows += [{column: text} for column, text in product(TEXTS, HOSTILE)]
    rows += [{kind: text} for kind, text in product(("phone", "crm_id", "email", "cookie_id"), HOSTILE)]
    rows += [{kind: "AB-12345"} for kind in (*HOSTILE, "o'clock")]
    table = records(*({**row, "record_id": f"r{n}"} for n, row in enumerate(rows)))
    assert resolve(table).num_rows == len(rows)
    odd = records(*({"record_id": text, "source": text, "full_name": "王小明"} for text in HOSTILE))
    assert sorted(resolve(odd)["record_id"].to_pylist()) == sorted(HOSTILE)


def test_more_kinds_of_identifiers_than_bits_of_a_number_are_distinguished() -> None:
    many: Row = {"full_name": "王小明"} | {f"kind{n}": f"V{n}" for n in range(60)}
    assert groups(many, {"full_name": "Wang Xiaoming", "kind59": "V59"}, {"full_name": "赵丽"}) == [[0, 1], [2]]
    with pytest.raises(RecordsError, match="kinds of identifiers") as rejected:
        groups({f"kind{n}": f"V{n}" for n in range(200)})
    assert rejected.value.cure

"""Values that identify somebody are brought into one form; values that identify nobody become null."""

import pytest

from identity.matching.comparable.values import (
    birth_date_sql,
    country_sql,
    e164,
    email_sql,
    gender_sql,
    issued_id_sql,
    letters_sql,
    national_id_sql,
    placeholder_phone_sql,
)
from identity.matching.engine import scratch

VALID_ID, OTHER_ID = "11010519491231002X", "440308199901101512"


def evaluate(sql: str, **values: str | None) -> object:
    with scratch() as con:
        columns = ", ".join(f"cast(${name} as varchar) as {name}" for name in values)
        row = con.execute(f"select {sql} from (select {columns})", values).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (" Li.Na@QQ.com ", "li.na@qq.com"),
        ("<mailto:li.na@qq.com>", "li.na@qq.com"),
        ("mailto:li.na@qq.com", "li.na@qq.com"),
        ("li.na@qq.com.", "li.na@qq.com"),
        ("li.na＠qq．com", "li.na@qq.com"),
        ("L.i.N.a+shop@googlemail.com", "lina@gmail.com"),
        ("li.na+news@outlook.com", "li.na@outlook.com"),
        ("li.na+news@corp.example", "li.na+news@corp.example"),
        ("a@a.com", None),
        ("test12@x.com", None),
        ("noemail@company.example", None),
        ("no-reply@x.com", None),
        ("service@shop.com", None),
        ("branch-12@bank.com", None),
        ("xxx@x.com", None),
        ("li.na@mailinator.com", None),
        ("li.na@qq", None),
        ("li na qq.com", None),
        ("@qq.com", None),
        ("", None),
        (None, None),
    ],
)
def test_email_is_what_its_provider_reads(typed: str | None, meant: str | None) -> None:
    assert evaluate(email_sql("v"), v=typed) == meant


@pytest.mark.parametrize(
    ("typed", "country", "meant"),
    [
        ("138 1234 5678", None, "+8613812345678"),
        ("+86 138-1234-5678", None, "+8613812345678"),
        ("0086 13812345678", "CN", "+8613812345678"),
        ("+49 170 1234567", "CN", "+491701234567"),
        ("0170 1234567", "DE", "+491701234567"),
        ("021 6100 0001", "CN", "+862161000001"),
        ("(212) 555-0123", "US", "+12125550123"),
        ("400 810 8888", "CN", None),
        ("800 810 8888", "CN", None),
        ("12345", "CN", None),
        ("no phone", "CN", None),
        ("13812345678", "XX", "+8613812345678"),
    ],
)
def test_phone_is_e164_and_hotlines_reach_nobody(typed: str, country: str | None, meant: str | None) -> None:
    assert e164(typed, country) == meant


@pytest.mark.parametrize(
    ("number", "is_placeholder"),
    [
        ("+8613800000000", True),
        ("+8613800138000", True),
        ("+8618888888888", True),
        ("+8613812345679", False),
        ("+491709234567", False),
    ],
)
def test_placeholder_phones_are_known(number: str, is_placeholder: bool) -> None:
    assert evaluate(placeholder_phone_sql("v"), v=number) is is_placeholder


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (VALID_ID, VALID_ID),
        ("110105 19491231 002x", VALID_ID),
        ("110105194912310021", None),  # wrong check digit
        ("110105491231002", VALID_ID),  # fifteen digits, before 1999
        (OTHER_ID, OTHER_ID),
        ("440308199901101521", None),  # digits swapped,
        ("AB-123 456", "AB123456"),
        ("111111", None),
        ("none", None),
        ("123456789", None),
        (None, None),
    ],
)
def test_national_id_needs_its_check_digit(typed: str | None, meant: str | None) -> None:
    assert evaluate(national_id_sql("v"), v=typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1980-02-03", "1980-02-03"),
        ("19800203", "1980-02-03"),
        ("1980/2/3", "1980-02-03"),
        ("1980年2月3日", "1980-02-03"),
        ("03.02.1980", "1980-02-03"),
        ("23/03/1983", "1983-03-23"),
        ("03/23/1983", "1983-03-23"),
        ("03/04/1983", None),  # may be either
        ("04/04/1983", "1983-04-04"),
        ("1900-01-01", None),
        ("2030-01-02", None),  # after the record
        ("1980-02-31", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_birth_date_is_read_only_where_it_is_sure(typed: str | None, meant: str | None) -> None:
    found = evaluate(f"cast({birth_date_sql('v', 'u')} as varchar)", v=typed, u="2026-01-01")
    assert found == meant


@pytest.mark.parametrize(
    ("kind", "typed", "meant"),
    [
        ("crm_id", " c100 0001".strip(), "C1000001"),
        ("loyalty_no", "l-100-1", "L1001"),
        ("cookie_id", "aBc-9", "aBc-9"),
        ("social_handle", "@LiNa", "lina"),
        ("account_id", "0000000", None),
        ("account_id", "N/A", None),
        ("crm_id", "unknown", None),
    ],
)
def test_issued_id_is_trimmed_and_fillers_go(kind: str, typed: str, meant: str | None) -> None:
    assert evaluate(issued_id_sql("v", "k"), v=typed, k=kind) == meant


def test_gender_country_and_places_are_read_in_any_script() -> None:
    assert [evaluate(gender_sql("v"), v=v) for v in ("女", "Male", "?", None)] == ["F", "M", None, None]
    assert [evaluate(country_sql("v"), v=v) for v in ("中国", "de", "United Kingdom", "?", None)] == [
        "CN",
        "DE",
        "GB",
        "CN",
        "CN",
    ]
    assert evaluate(letters_sql("v"), v="人民路 12号, Apt. 3") == "人民路12号apt3"
    assert evaluate(letters_sql("v"), v=" - ") is None

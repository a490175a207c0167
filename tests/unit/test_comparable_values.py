"""Typed values mean the same to the matcher and to the golden record: both read one declaration."""

from typing import Any

import duckdb
import pytest
import sqlglot
import yaml
from jinja2 import Environment
from pydantic import ValidationError

from contracts.comparable_values import COMPARABLE_VALUES, ComparableValues, comparable_values
from contracts.settings import PROJECT_ROOT
from identity.matching.comparable.names import parse_name
from identity.matching.comparable.values import (
    birth_date_sql,
    country_sql,
    dialled_sql,
    e164,
    email_sql,
    gender_sql,
    issued_id_sql,
    placeholder_phone_sql,
)

MACROS = PROJECT_ROOT / "dbt_project" / "macros"
FILES = ("engine/functions.sql", "engine/types.sql", "identity/golden.sql", "identity/comparable.sql")
GENDERS = (
    "F",
    " female",
    "w",
    "Woman",
    "weiblich",
    "Weiblich ",
    "女",
    "m",
    "MALE",
    "man",
    "männlich",
    "男",
    "?",
    "x",
    "",
)
DATES = (
    "1980-02-03", "1980-2-3", "1980/2/3", "1980.02.03", "19800203", "1980年2月3日", "03.02.1980", "23/03/1983",
    "03/23/1983", "03-23-1983", "03/04/1983", "04/04/1983", "1900-01-01", "1900-01-02", "1899-05-05", "2030-01-02",
    "1980-02-31", "31.02.1980", "13/13/1980", "unknown", "1980", "1980-02-03T04:05:06", "1980-02-03 04:05:06.123+08:00",
    "1980-02-03T04:05:06Z", "23/03/1983 00:00", "1980-02-03 or so", "", " 1980-02-03 ",
)  # fmt: skip
EMAILS = (
    "Li.Na@QQ.com", "<mailto:li.na@qq.com>", "li.na@qq.com.", "li.na＠qq．com", "L.i.N.a+shop@googlemail.com",
    "li.na+news@outlook.com", "li.na+news@corp.example", "a@a.com", "test12@x.com", "test+1@gmail.com",
    "noemail@company.example", "no-reply@x.com", "service@shop.com", "branch-12@bank.com", "xxx@x.com",
    "t.est@gmail.com",
    "li.na@mailinator.com", "li.na@qq", "li na qq.com", "@qq.com", "fang@@b", "", "info@x.example", "+tag@gmail.com",
    "anna@x.example", "tester@x.example", "abcd@x.com", "abce@x.com", "n.a@x.com", "na@x.com", "nina@x.com",
)  # fmt: skip
COUNTRIES = ("CN", "cn", "China", "中国", "PRC", "Germany", "de", "Hong Kong", "Neverland", "", " US ")
IDENTIFIERS = (
    ("crm_id", "c 100-1"), ("account_id", "0000000"), ("account_id", "N/A"), ("crm_id", "unknown"),
    ("loyalty_no", "未知"),
    ("social_handle", "@LiNa"), ("social_handle", "lina"), ("cookie_id", "aBc-9"), ("cookie_id", "x"),
    ("account_id", "ab\tc"),
)  # fmt: skip
PHONES = (
    "138 1234 5678", "+86 138-1234-5678", "0086 13812345678", "８６13812345678", "+49 170 1234567", "13800138000",
    "13800000000", "400 810 8888", "8008108888", "021 6100 0001", "18888888888", "+86 400 810 8888",
)  # fmt: skip
NAMES = (
    "unknown",
    "Anonymous",
    "客户",
    "测试",
    "未知",
    "不详",
    "N/A",
    "User",
    "guest",
    "Li Na",
    "王小明",
    "Una",
    "",
    "无",
)


def macro(name: str, *arguments: str, engine: str = "duckdb") -> str:
    """The SQL that dbt makes of a macro."""
    environment = Environment(extensions=["jinja2.ext.do"])

    class Adapter:
        def dispatch(self, called: str) -> Any:
            return getattr(module, f"{engine}__{called}", None) or getattr(module, f"default__{called}")

    variables = {"comparable_values": comparable_values().as_variable()}
    environment.globals |= {"adapter": Adapter(), "var": variables.__getitem__, "return": lambda value: value}
    source = "\n".join((MACROS / file).read_text(encoding="utf-8") for file in FILES)
    module = environment.from_string(source).module
    return str(getattr(module, name)(*arguments))


def evaluate(sql: str, values: tuple[str, ...]) -> list[Any]:
    """An expression over the column `v` for each value."""
    rows = duckdb.execute(f"select {sql} from (select unnest($1) as v, range(len($1)) as n)", [list(values)])
    return [row[0] for row in rows.fetchall()]


def test_gender_means_the_same_to_matcher_and_golden_record() -> None:
    matched, golden = evaluate(gender_sql("v"), GENDERS), evaluate(macro("comparable_gender", "v"), GENDERS)
    assert [value if value in ("F", "M") else None for value in golden] == matched
    assert matched.count("F") == 7
    assert matched.count("M") == 5


def test_birth_date_is_read_alike_by_matcher_and_golden_record() -> None:
    not_after = "timestamp '2026-01-01'"
    matched = evaluate(birth_date_sql("v", not_after), DATES)
    assert evaluate(macro("comparable_birth_date", "v", not_after), DATES) == matched
    assert sum(value is not None for value in matched) == 17


def test_address_that_reaches_a_person_is_one_for_both() -> None:
    matched = evaluate(email_sql("v"), EMAILS)
    written = evaluate(macro("comparable_email", "v"), EMAILS)
    valid = evaluate(macro("is_email", "v"), tuple(value or "" for value in written))
    assert valid == [value is not None for value in matched]
    same = [(w, m) for w, m in zip(written, matched, strict=True) if m and "+" not in w and "gmail" not in m]
    assert same
    assert all(w == m for w, m in same)


def test_country_is_read_alike_by_matcher_and_golden_record() -> None:
    assert evaluate(macro("country_code", "v"), COUNTRIES) == evaluate(country_sql("v"), COUNTRIES)


@pytest.mark.parametrize(("kind", "typed"), IDENTIFIERS)
def test_identifier_is_read_alike_by_matcher_and_golden_record(kind: str, typed: str) -> None:
    sql = macro("comparable_identifier", f"'{kind}'", "v", "v", "'CN'")
    assert evaluate(sql, (typed,)) == evaluate(issued_id_sql("v", f"'{kind}'"), (typed,))


def test_chinese_number_and_placeholder_are_read_alike_by_matcher_and_golden_record() -> None:
    assert evaluate(macro("dialled", "v"), PHONES) == evaluate(dialled_sql("v"), PHONES)
    golden = evaluate(macro("comparable_phone", "dialled", "'CN'").replace("dialled", macro("dialled", "v")), PHONES)
    matched = [e164(number, "CN") for number in PHONES]
    placeholders = evaluate(placeholder_phone_sql("v"), tuple(number or "" for number in matched))
    assert golden == [None if fake else number for number, fake in zip(matched, placeholders, strict=True)]


def test_word_that_is_no_name_is_none_for_both() -> None:
    golden = evaluate(macro("comparable_name", "v", "null", "null"), NAMES)
    assert [name is None for name in golden] == [parse_name(name) is None for name in NAMES]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("comparable_gender", ("v",)),
        ("comparable_birth_date", ("v", "u")),
        ("comparable_email", ("v",)),
        ("is_email", ("v",)),
        ("comparable_phone", ("v", "c")),
        ("is_phone", ("v",)),
        ("comparable_name", ("v", "g", "f")),
        ("comparable_identifier", ("k", "v", "v", "c")),
    ],
)
def test_rule_is_sql_of_both_engines(name: str, arguments: tuple[str, ...]) -> None:
    for engine in ("duckdb", "spark"):
        sqlglot.parse_one(f"select {macro(name, *arguments, engine=engine)} from t", read=engine)


def test_rule_of_spark_asks_nothing_of_duckdb() -> None:
    made = macro("comparable_birth_date", "v", "u", engine="spark")
    assert "strptime" not in made
    assert "try_to_timestamp" in made


def test_unknown_and_missing_entries_of_the_declaration_are_errors() -> None:
    declared = yaml.safe_load(COMPARABLE_VALUES.read_text(encoding="utf-8"))
    with pytest.raises(ValidationError, match="shoe_size"):
        ComparableValues.model_validate(declared | {"shoe_size": {}})
    with pytest.raises(ValidationError, match="gender"):
        ComparableValues.model_validate({key: value for key, value in declared.items() if key != "gender"})


def test_patterns_read_the_same_on_both_engines() -> None:
    """Neither a backslash nor a quote: the engines take both out of a text in different ways."""
    values = comparable_values()
    patterns = [
        values.birth_date.time_of_day, values.birth_date.either_order, values.email.removed, values.email.address,
        values.email.placeholders, values.email.roles, values.phone.removed, values.phone.chinese_mobile,
        values.phone.chinese_hotline, values.identifier.removed,
    ]  # fmt: skip
    assert not [pattern for pattern in patterns if set(pattern) & set("\\'\"")]

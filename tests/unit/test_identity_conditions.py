"""Conditions ask what is cheap before the edit distance, which costs ten times as much, and miss nothing by it."""

import random
from collections.abc import Callable
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from identity.matching.pairs.person_model import load_model

MODEL = load_model()
ALPHABETS = ("ab", "abc", "abcdefghijklmnopqrstuvwxyz", "иванпетров", "aéäbñ")
PLAIN_NAME = "jaro_winkler_similarity(l, r) >= 0.88 or (length(l) > 2 and damerau_levenshtein(l, r) <= 1)"
PLAIN_SLIP = "damerau_levenshtein(l, r) = 1"
#: Comparison, level, and the same said plainly of two texts.
PLAIN = [
    ("given_name", "similar", PLAIN_NAME),
    ("family_name", "similar", PLAIN_NAME),
    ("national_id", "one slip", f"(left(l, 3) = left(r, 3) or right(l, 3) = right(r, 3)) and {PLAIN_SLIP}"),
    ("phone", "one slip", f"(left(l, 7) = left(r, 7) or right(l, 4) = right(r, 4)) and {PLAIN_SLIP}"),
    ("email", "similar", "length(l) > 11 and damerau_levenshtein(l, r) <= 2 and "
     "regexp_replace(l, '[^0-9]', '', 'g') = regexp_replace(r, '[^0-9]', '', 'g')"),
    ("birth_date", "one slip", f"{PLAIN_SLIP} or (l[:4] = r[:4] and l[5:6] = r[7:8] and l[7:8] = r[5:6])"),
    ("birth_date", "two slips",
     "(left(l, 3) = left(r, 3) or right(l, 3) = right(r, 3)) and damerau_levenshtein(l, r) = 2"),
    ("birth_date", "same day of the year", "l[5:] = r[5:]"),
]  # fmt: skip


def word(chance: random.Random, letters: str, least: int, most: int) -> str:
    return "".join(chance.choices(letters, k=chance.randint(least, most)))


def mistyped(chance: random.Random, text: str, letters: str) -> str:
    """The text with up to three slips of the keyboard."""
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        at, letter = chance.randrange(len(text) + 1), chance.choice(letters)
        text = chance.choice(
            [text[:at] + letter + text[at + 1 :], text[:at] + letter + text[at:], text[:at] + text[at + 1 :],
             text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]]
        )  # fmt: skip
    return text


def names(chance: random.Random) -> tuple[str, str]:
    letters = chance.choice(ALPHABETS)
    given = word(chance, letters, 1, 10)
    return given, mistyped(chance, given, letters)


def numbers(chance: random.Random) -> tuple[str, str]:
    digits = chance.choice(["01", "0123456789"])
    number = word(chance, digits, 6, 18)
    return number, mistyped(chance, number, digits)


def emails(chance: random.Random) -> tuple[str, str]:
    letters = chance.choice(["ab.", "abcdefghijklmnopqrstuvwxyz.0123456789"])
    local = word(chance, letters, 4, 14)
    return f"{local}@qq.com", f"{mistyped(chance, local, letters)}@qq.com"


def dates(chance: random.Random) -> tuple[str, str]:
    while True:
        born = f"{date(1900, 1, 2) + timedelta(days=chance.randrange(45_000)):%Y%m%d}"
        other = mistyped(chance, born, "0123456789")
        try:
            datetime.strptime(other, "%Y%m%d")
        except ValueError:
            continue
        if len(other) == 8 and other >= "1900":
            return born, other


def pairs(draw: Callable[[random.Random], tuple[str, str]]) -> pa.Table:
    chance = random.Random(5)
    found = [draw(chance) for _ in range(20_000)]
    return pa.table({"l": [left for left, _ in found], "r": [right for _, right in found]})


@pytest.mark.parametrize(("comparison", "label", "plain"), PLAIN)
def test_what_is_asked_first_spares_the_edit_distance_and_loses_no_pair(
    comparison: str, label: str, plain: str
) -> None:
    draw = {"birth_date": dates, "given_name": names, "family_name": names, "email": emails}.get(comparison, numbers)
    level = next(level for level in MODEL.levels(comparison) if level["label_for_charts"] == label)
    columns = {"given_name": "given", "family_name": "family"}.get(comparison, comparison)
    with duckdb.connect() as con:
        con.register("given", pairs(draw))
        con.execute(
            f"""create table pairs as
                select l, r, {", ".join(f"{side} as {columns}_{side}" for side in "lr")},
                       {", ".join(f"{side} as birth_text_{side}" for side in "lr")},
                       {", ".join(f"cast(try_strptime({side}, '%Y%m%d') as date) as birth_{side}" for side in "lr")},
                       null::varchar as hanzi_l, null::varchar as hanzi_r from given"""
        )
        counts = con.sql(
            f"""select count(*) filter ({plain}),
                       count(*) filter (({plain}) is distinct from ({level["sql_condition"]})) from pairs"""
        ).fetchall()
    assert counts[0][0] > 50
    assert counts[0][1] == 0

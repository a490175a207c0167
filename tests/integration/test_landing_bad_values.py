"""Values and names nobody should deliver: each is kept exactly, or its record rejected; text is never code."""

import gzip
import json

import pyarrow.parquet as pq
import pytest
import zstandard

from ingestion.quarantine.records import list_rejected
from lake.sql.text import quoted
from tests.contract_rows import as_csv, as_json_lines
from tests.integration.test_landing_bad_text import HEADER, landed, line, record, rejected
from tests.integration.test_landing_files import as_parquet
from tests.landing_lake import Shop, sale

HOSTILE = [
    'x"; drop table sales; --',
    "{{ 1/0 }}",
    "'; --",
    "a\\b",
    "new\nline",
    "{% raw %}",
    "naïve 列 👩\u200d👩",
    "c" * 10_000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_hostile_text_is_only_text_as_a_value_and_as_a_name(shop: Shop, file_format: str, name: str) -> None:
    shop.declare(file_format=file_format)
    rows = [sale(1, buyer=name) | {name: name}, sale(2, channel=name) | {name: name}]
    shop.deliver(f"a.{file_format}", as_csv(rows, rows[0]) if file_format == "csv" else b"\n".join(
        json.dumps(row, ensure_ascii=False).encode() for row in rows
    ))  # fmt: skip
    assert shop.land().error is None
    column = quoted(name)
    assert shop.rows(f"buyer, {column}") == [(name, name)]
    (bad,) = list_rejected("shop")
    assert (bad.reason, bad.column_name) == ("not_allowed", "channel")


NUMBERS = {
    "pieces": {"1.0": 1, "-0": None, "12.5": None, "0x10": None, "1,0": None, "1e400": None, "007": 7, "+5": 5,
               "9223372036854775808": None, "18446744073709551616": None, " 5": None, "NaN": None, "１": None},
    "amount_cny": {"1e400": None, "-1e400": None, "NaN": None, "Infinity": None, "0x1p3": None, "1,000": None,
                   "1_000": None, ".5": 0.5, "-0": 0.0, "1E5": 1e5, "9007199254740992": 9007199254740992.0,
                   "9007199254740993": None},
    "is_gift": {"1": True, "0": False, "true": True, "FALSE": False, "2": None, "yes": True, "ja": None},
    "bought_date": {"2026-02-30": None, "2026-06-30": "2026-06-30", "30/06/2026": None, "20260630": None,
                    "2026-6-3": None, "2026-06-30T10:00:00": None, "epoch": None},
    "event_at": {"2026-06-30T24:00:00": "2026-07-01 00:00:00+00", "2026-06-30T23:59:60Z": None, "epoch": None,
                 "2026-06-30T12:00:00+08:00": "2026-06-30 04:00:00+00", "2026-02-30T00:00:00Z": None, "now": None,
                 "2026-06-30T12:00:00.123456789Z": "2026-06-30 12:00:00.123456+00", "1782820800": None,
                 "2026-06-30T12:00:00 CST": None, "2026-06-30T12:00:00+99:00": None, "infinity": None,
                 "2026-06-30T12:00:00 UTC": "2026-06-30 12:00:00+00", "2026-06-30 12:00:00": "2026-06-30 12:00:00+00"},
}  # fmt: skip
#: JSON says these itself; anything else is no JSON.
BARE = {"NaN", "Infinity", "1e400", "-1e400", "9223372036854775808", "18446744073709551616", "12.5", "-0", "1.0"}


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
@pytest.mark.parametrize("column", NUMBERS)
def test_value_is_exactly_of_its_type_or_rejected(shop: Shop, file_format: str, column: str) -> None:
    """A time is cut to microseconds (ADR 9), which is said; nothing else is rounded, wrapped or guessed."""
    shop.declare(file_format=file_format)
    rows = [sale(number) | {column: text} for number, text in enumerate(NUMBERS[column])]
    rows += [sale(100 + number) | {column: None} for number in range(30 if column != "event_at" else 0)]
    if file_format == "csv":
        shop.deliver("a.csv", as_csv(rows, sale(1)))
    else:
        texts = [json.dumps(row) for row in rows]
        for number, text in enumerate(NUMBERS[column]):
            if text in BARE and column in ("pieces", "amount_cny"):
                texts[number] = texts[number].replace(f'"{text}"', text)
        shop.deliver("a.jsonl", "\n".join(texts))
    assert shop.land().error is None
    value = f"{column}::varchar" if column in ("bought_date", "event_at") else column
    found = {row[0]: row[1] for row in shop.rows(f"sale_id, {value}") if row[0] < "S100" or len(row[0]) < 4}
    good = {f"S{n}": value for n, value in enumerate(NUMBERS[column].values()) if value is not None}
    assert found == good
    assert shop.counts().received == len(rows)


def test_json_that_says_a_thing_twice_is_rejected(shop: Shop) -> None:
    shop.deliver("a.jsonl", line(1) + b"\n" + line(2)[:-1] + b', "buyer": "another"}\n' + line(3))
    shop.land()
    assert landed(shop) == ["S1", "S3"]
    assert rejected(shop)[2][0] == "unreadable"


def test_json_of_ten_thousand_levels_is_only_a_record(shop: Shop) -> None:
    deep = "[" * 10_000 + "]" * 10_000
    good = line(1).decode()
    shop.deliver("a.jsonl", "\n".join([good, deep, '{"a":' * 10_000 + "1" + "}" * 10_000,
                                       good.replace("S1", "S2").replace('"陈 小明"', deep), "[" * 10_000]))  # fmt: skip
    result = shop.land()
    assert result.state in ("landed", "blocked")
    shop.counts()


def test_hundred_thousand_columns_block_their_file_at_once(shop: Shop) -> None:
    names = [f"c{number}" for number in range(100_000)]
    shop.deliver("wide.jsonl", json.dumps(sale(1) | dict.fromkeys(names, 1)))
    result = shop.land()
    assert result.state == "blocked"
    assert len(result.error or "") < 1000
    (shop.folder / "wide.jsonl").unlink()
    shop.declare(file_format="csv")
    shop.deliver("wide.csv", ",".join([*sale(1), *names]) + "\n")
    shop.deliver("good.csv", HEADER + b"\n" + record(1))
    result = shop.land()
    assert "wide.csv: has 100009 columns" in (result.error or "")
    assert landed(shop) == ["S1"]
    assert result.seconds < 5


TEXTS = [
    "0012", " a ", "a\u3000", "café", "cafe\u0301", "👩\u200d👩\u200d👧 שלום", "'; drop table x; --", "{{ jinja }}",
    "null", "NaN", 'a\tb"c\\d', "two\nlines", "two\r\nlines", "cr\rhere", "\u0001\u007f", "\ufeffmark",
    "\u2028\u2029", "\\N", "﷽", "𠮷野家",
]  # fmt: skip


@pytest.mark.parametrize("file_format", ["csv", "csv.gz", "jsonl", "jsonl.zst", "parquet"])
def test_text_survives_byte_for_byte_in_every_format(shop: Shop, file_format: str) -> None:
    shop.declare(file_format=file_format)
    rows = [sale(number, buyer=text, shelf=text) for number, text in enumerate(TEXTS)]
    packs = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}
    if file_format == "parquet":
        pq.write_table(as_parquet(rows), shop.folder / "a.parquet")
    else:
        # Python's writer leaves a CR unquoted, and such a one ends a line.
        content = (
            as_csv(rows, rows[0]).replace(b"cr\rhere", b'"cr\rhere"')
            if file_format.startswith("csv")
            else as_json_lines(rows)
        )
        shop.deliver(f"a.{file_format}", packs.get(file_format.rpartition(".")[2], bytes)(content))
    assert shop.land().error is None
    found = {sale_id: (buyer, shelf) for sale_id, buyer, shelf in shop.rows("sale_id, buyer, shelf")}
    assert found == {f"S{number}": (text, text) for number, text in enumerate(TEXTS)}


def test_hundred_thousand_keys_that_the_contract_ignores_cost_nothing(shop: Shop) -> None:
    shop.declare(on_drift="ignore")
    wide = sale(1) | {f"c{number}": 1 for number in range(100_000)}
    shop.deliver("a.jsonl", [wide, sale(2), wide | {"sale_id": "S3", "channel": "fax"}])
    assert shop.land().error is None
    assert landed(shop) == ["S1", "S2"]
    assert len(rejected(shop)[3][1]) > 1_000_000

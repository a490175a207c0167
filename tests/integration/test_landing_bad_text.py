"""Broken CSV and JSON Lines: what came in is in bronze, in quarantine or counted as a duplicate, to the row."""

import codecs
import gzip
import json
import time
from collections.abc import Callable

import pytest
import zstandard

from contracts.contract_file import ContractError
from ingestion.connectors.drops import csv_records, lines
from ingestion.connectors.drops.lines import as_bytes
from ingestion.landing.land import has_new
from tests.contract_rows import as_csv, as_json_lines
from tests.landing_lake import Shop, sale

Pack = Callable[[bytes], bytes]
HEADER = ",".join(sale(1)).encode()


def line(number: int, **values: object) -> bytes:
    return json.dumps(sale(number, **values), ensure_ascii=False).encode()


def record(number: int, buyer: bytes = b"Li") -> bytes:
    """A line of CSV, without its end."""
    return as_csv([sale(number, buyer="@")], sale(1)).splitlines()[1].replace(b"@", buyer)


def rejected(shop: Shop) -> dict[int | None, tuple[str, str]]:
    """Reason and raw text of the rejected records by their position."""
    rows = shop.rows("source_position, reason, raw", "quarantine")
    return {position: (reason, raw) for position, reason, raw in rows}


def landed(shop: Shop) -> list[str]:
    return [row for (row,) in shop.rows("sale_id")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_line_ends_of_every_kind_and_none_at_the_end(shop: Shop, file_format: str, end: bytes) -> None:
    shop.declare(file_format=file_format)
    made = [HEADER, record(1), record(2), b"", record(3)] if file_format == "csv" else [line(1), line(2), b"", line(3)]
    shop.deliver(f"a.{file_format}", end.join(made))
    shop.deliver(f"b.{file_format}", b"\n".join(made[:2]) + b"\r\n" + made[2] + b"\r" + made[-1])
    assert shop.land().error is None
    assert landed(shop) == ["S1", "S2", "S3"]
    assert shop.counts().received == 6


@pytest.mark.parametrize("content", [b"", codecs.BOM_UTF8, b"\n\n", HEADER, HEADER + b"\r\n"])
def test_file_without_records_lands_as_nothing(shop: Shop, content: bytes) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", content)
    assert shop.land().error is None
    assert not has_new("shop")
    assert shop.counts().received == 0


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_byte_order_mark_is_no_part_of_the_first_value(shop: Shop, file_format: str) -> None:
    shop.declare(file_format=file_format)
    content = HEADER + b"\n" + record(1) if file_format == "csv" else line(1)
    shop.deliver(f"a.{file_format}", codecs.BOM_UTF8 + content)
    assert shop.land().error is None
    assert landed(shop) == ["S1"]


def test_bytes_that_are_no_text_cost_their_line_and_can_be_had_again(shop: Shop) -> None:
    bad = [line(2, buyer="陈").replace("陈".encode(), "陈".encode("gbk")), line(3).replace(b"S3", b"S\x00\\x41")]
    shop.deliver("a.jsonl", b"\n".join([line(1), *bad, b"", line(4)]))
    assert shop.land().error is None
    assert landed(shop) == ["S1", "S4"]
    assert {p: reason for p, (reason, _) in rejected(shop).items()} == {2: "unreadable", 3: "unreadable"}
    assert [as_bytes(raw, is_escaped=True) for _, (_, raw) in sorted(rejected(shop).items())] == bad
    assert shop.counts().received == 4


def test_csv_bytes_that_are_no_text_cost_their_record(shop: Shop) -> None:
    shop.declare(file_format="csv")
    bad = [record(2, "陈".encode("gbk")), record(3, b"a\x00b"), record(4, b'"two\nlines\xff"')]
    shop.deliver("a.csv", b"\n".join([HEADER, record(1), *bad, record(5)]))
    assert shop.land().error is None
    assert landed(shop) == ["S1", "S5"]
    assert [as_bytes(raw, is_escaped=True) for _, (_, raw) in sorted(rejected(shop).items())] == bad
    assert sorted(rejected(shop)) == [3, 4, 5]


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_file_of_another_encoding_is_left_and_named(shop: Shop, file_format: str, encoding: str) -> None:
    shop.declare(file_format=file_format)
    rows = [sale(number) for number in range(30)]
    text = as_csv(rows, sale(1)).decode() if file_format == "csv" else "\n".join(line(n).decode() for n in range(30))
    shop.deliver(f"bad.{file_format}", text.encode(encoding))
    shop.deliver(f"good.{file_format}", text.replace("S", "SG"))
    result = shop.land()
    assert f"bad.{file_format}" in (result.error or "")
    assert "UTF-8" in (result.cure or "")
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (30, 0)


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-16", "utf-16-le", "big5"])
@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_contract_says_the_encoding(shop: Shop, file_format: str, encoding: str) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "encoding", "value": encoding}]
    shop.declare(file_format=file_format)
    rows = [sale(n, buyer="陳小明") for n in range(30)]
    made = as_csv(rows, sale(1)) if file_format == "csv" else as_json_lines(rows)
    whole = made.decode().encode(encoding)
    bad = whole if encoding.startswith("utf") else whole.replace("陳".encode(encoding), b"\xff\xff", 1)
    shop.deliver(f"a.{file_format}", bad)
    assert shop.land().error is None
    assert {buyer for (buyer,) in shop.rows("buyer")} == {"陳小明"}
    counts = shop.counts()
    assert (counts.received, counts.quarantined) == (30, int(bad != whole))


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_utf_16_without_its_mark_is_left_and_named(shop: Shop, file_format: str) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "encoding", "value": "utf-16"}]
    shop.declare(file_format=file_format)
    text = (as_csv([sale(1)], sale(1)) if file_format == "csv" else as_json_lines([sale(1)])).decode()
    shop.deliver(f"bad.{file_format}", text.encode("utf-16-le"))
    shop.deliver(f"good.{file_format}", text.encode("utf-16"))
    assert f"bad.{file_format}: not utf-16" in (shop.land().error or "")
    assert shop.counts().landed == 1


def test_encoding_nobody_knows_is_rejected_with_cure(shop: Shop) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "encoding", "value": "ebcdic-of-ours"}]
    shop.declare()
    with pytest.raises(ContractError, match="encoding"):
        shop.land()


def test_quote_that_is_never_closed_costs_its_line_and_not_the_rest(shop: Shop) -> None:
    shop.declare(file_format="csv")
    rest = [record(number) for number in range(10, 40)]
    quoted = [record(number, b'"x, y"') for number in range(50, 60)]
    shop.deliver("a.csv", b"\n".join([HEADER, record(1), record(2, b'"Li'), *rest, record(3, b'"Wu'), *quoted, b'"']))
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (44, 41, 3)
    assert {position: raw for position, (_, raw) in rejected(shop).items()} == {
        3: record(2, b'"Li').decode(), 34: record(3, b'"Wu').decode(), 45: '"',
    }  # fmt: skip


def test_quotes_as_signs_doubled_and_around_newlines_keep_their_text(shop: Shop) -> None:
    shop.declare(file_format="csv")
    values = {b'12" pipe': '12" pipe', b'"a ""b"" c"': 'a "b" c', b'"x\ny\r\nz"': "x\ny\r\nz", b'""': "", b"": None}
    content = [record(number, raw) for number, raw in enumerate(values)]
    shop.deliver("a.csv", b"\n".join([HEADER, *content, record(9)[:-5], record(8)]))
    assert shop.land().error is None
    assert [buyer for _, buyer in shop.rows("sale_id, buyer")] == [*values.values(), "Li"]
    assert sorted(rejected(shop)) == [9]  # its line: two of the records before it take more than one


def test_ragged_records_are_rejected_as_they_came(shop: Shop) -> None:
    shop.declare(file_format="csv")
    few, many, blank = record(2).rpartition(b",")[0], record(3) + b",,", b" "
    shop.deliver("a.csv", b"\r\n".join([HEADER, record(1), few, many, blank, record(4)]))
    assert shop.land().error is None
    assert landed(shop) == ["S1", "S4"]
    assert rejected(shop) == {n: ("unreadable", raw.decode()) for n, raw in ((3, few), (4, many), (5, blank))}


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_contract_says_the_delimiter(shop: Shop, delimiter: str) -> None:
    shop.document["servers"][0]["delimiter"] = delimiter
    shop.declare(file_format="csv")
    row = record(1, b'"x\ty;z|"').replace(b",", delimiter.encode())
    few = b"S2" + delimiter.encode() + b'"'
    shop.deliver("a.csv", b"\n".join([HEADER.replace(b",", delimiter.encode()), row, few]))
    assert shop.land().error is None
    assert shop.rows("buyer") == [("x\ty;z|",)]
    assert sorted(rejected(shop)) == [3]


def test_file_with_another_delimiter_is_blocked_by_its_header(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1)], sale(1)).replace(b",", b";"))
    assert shop.land().state == "blocked"
    assert shop.counts().received == 0


def test_file_that_is_mostly_ragged_is_left_whole(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", b"\n".join([HEADER, *(record(n) + b",x" for n in range(30)), record(99)]))
    result = shop.land()
    assert "30 of 31 records cannot be read" in (result.error or "")
    assert shop.counts().received == 0


def test_three_megabytes_in_one_value_land(shop: Shop) -> None:
    long = "长" * (1 << 20)
    shop.deliver("a.jsonl", [sale(1, buyer=long), sale(2)])
    shop.land()
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(3, buyer=long + '"\n'), sale(4)], sale(1)))
    shop.land()
    assert shop.rows("sale_id, strlen(buyer)") == [("S1", 3 << 20), ("S2", 10), ("S3", (3 << 20) + 2), ("S4", 10)]


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_line_over_the_limit_leaves_its_file_and_names_it(shop: Shop, file_format: str) -> None:
    shop.declare(file_format=file_format)
    endless = b"x" * (lines.LINE_BYTES + 4_000_000)
    start = HEADER + b"\n" + record(1) if file_format == "csv" else line(1)
    shop.deliver(f"bad.{file_format}", start + b"\n" + endless)
    shop.deliver(f"good.{file_format}", start.replace(b"S1", b"S2"))
    result = shop.land()
    assert "is longer than 8 MB" in (result.error or "")
    assert "bad." in (result.error or "")
    assert landed(shop) == ["S2"]


def test_quoted_value_over_the_limit_costs_lines_and_the_rest_lands(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_records, "LINE_BYTES", 10_000)
    shop.declare(file_format="csv")
    good = [record(number) for number in range(100, 1100)]
    shop.deliver("a.csv", b"\n".join([HEADER, record(1, b'"never closed'), *good]))
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (1000, 1)


def bomb(pack: Pack) -> bytes:
    return pack(line(1) + b"\n" + b"\n" * 50_000_000)


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("zst", zstandard.ZstdCompressor(write_checksum=True).compress)]
)
class TestPacked:
    """The same for every way of packing."""

    def test_whole_file_lands(self, shop: Shop, suffix: str, pack: Pack) -> None:
        shop.declare(file_format=f"csv.{suffix}")
        text = as_csv([sale(1), sale(2)], sale(1))
        shop.deliver(f"a.csv.{suffix}", pack(text[:150]) + pack(text[150:]))  # two members are one file
        assert shop.land().error is None
        assert landed(shop) == ["S1", "S2"]

    @pytest.mark.parametrize("damage", ["cut", "end cut", "flipped", "plain", "empty", "more", "bomb", "bombs"])
    def test_broken_file_is_left_and_the_others_land(self, shop: Shop, suffix: str, pack: Pack, damage: str) -> None:
        shop.declare(file_format=f"jsonl.{suffix}")
        text = b"\n".join(line(number) for number in range(3000))
        whole = pack(text)
        half = len(whole) // 2
        content = {
            "cut": whole[:half],
            "end cut": whole[:-3],
            "flipped": whole[:half] + bytes([whole[half] ^ 0xFF]) + whole[half + 1 :],
            "plain": text,
            "empty": b"",
            "more": whole + b"more",
            "bomb": bomb(pack) if damage == "bomb" else b"",
            "bombs": pack(line(1) + b"\n" * 900_000) * 50 if damage == "bombs" else b"",
        }[damage]
        shop.deliver(f"bad.jsonl.{suffix}", content)
        shop.deliver(f"good.jsonl.{suffix}", pack(line(1)))
        result = shop.land()
        assert result.state == "failed"
        assert f"bad.jsonl.{suffix}" in (result.error or "")
        assert result.cure
        assert landed(shop) == ["S1"]
        assert result.seconds < 5

    def test_packed_file_without_its_suffix_is_named(self, shop: Shop, suffix: str, pack: Pack) -> None:
        shop.deliver("a.jsonl", pack(line(1)))
        result = shop.land()
        assert result.state == "failed"
        assert "not the text its name says" in (result.error or "")


@pytest.mark.parametrize(("file_format", "row"), [("jsonl.gz", b"1\n"), ("csv.gz", b",\n")])
def test_97_kb_that_unpack_to_50_million_rows_are_rejected_before_any_is_read(
    shop: Shop, file_format: str, row: bytes
) -> None:
    shop.declare(file_format=file_format)
    packed = gzip.compress(b"sale_id,channel\n" * file_format.startswith("csv") + row * 50_000_000)
    shop.deliver(f"a.{file_format}", packed)
    started = time.monotonic()
    (trouble,) = shop.land().entities[0].troubles
    seconds = time.monotonic() - started
    print(f"{len(packed) / 1000:.0f} KB of {file_format} rejected in {seconds:.2f} s")
    assert seconds < 5
    assert "unpacks to more than" in trouble.message

"""Text cut into records: however the bytes come in blocks, every line is in one record, rejected once, or empty."""

import random
import re
from collections.abc import Iterator

import pytest

from ingestion.connectors.drops import csv_records
from ingestion.connectors.drops.csv_records import CsvRecords
from ingestion.connectors.drops.lines import as_bytes, as_text, json_lines
from ingestion.connectors.drops.unpacking import UnreadableFileError

PIECES = [
    b"a", b'"', b",", b"\n", b"\r\n", b"\r", b'""', b"1,2,3\n", b'"x\ny",2,3\n', b"\xff", b"\0", "é".encode(), b'x"y,',
]  # fmt: skip
LINE = re.compile(rb"([^\r\n]*+)(?:\r\n|\n|\r|\Z)")
Records = list[tuple[int, tuple[str | None, ...]]]


def blocks(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def parted(text: bytes, size: int) -> tuple[Records, list[tuple[int, bytes]]]:
    """The records of a CSV of three columns with their lines, and what was rejected."""
    rejected: list[tuple[int, bytes]] = []
    records: Records = []
    grammar = CsvRecords(",")
    names = grammar.header(blocks(text, size))
    for batch, lines in grammar.rows(blocks(text, size), names, lambda raw, line: rejected.append((line, raw))):
        records += [(line, tuple(row.values())) for line, row in zip(lines, batch.to_pylist(), strict=True)]
    return records, rejected


def soup(seed: int) -> bytes:
    rng = random.Random(seed)
    return b"a,b,c\n" + b"".join(rng.choice(PIECES) for _ in range(rng.randint(0, 25)))


@pytest.mark.parametrize("seed", range(0, 1200, 100))
def test_every_line_of_any_bytes_is_accounted_for_once(seed: int) -> None:
    for number in range(seed, seed + 100):
        text = soup(number)
        found = [parted(text, size) for size in (1, 3, 1000)]
        assert found[0] == found[1] == found[2], text
        records, rejected = found[0]
        lines = list(LINE.findall(text))
        begins = [line for line, _ in records] + [line for line, _ in rejected]
        assert len(begins) == len(set(begins)), text
        goes_on = {
            line + more
            for line, values in [*records, *((line, (raw.decode("latin-1"),)) for line, raw in rejected)]
            for value in values
            for more in range(1, len(re.findall(r"\r\n|\n|\r", value or "")) + 1)
        }
        left = set(range(2, len(lines) + 1)) - set(begins) - {n for n in goes_on if n > 1}
        assert all(lines[line - 1] == b"" for line in left), text
        assert all(lines[line - 1] == LINE.findall(raw)[0] for line, raw in rejected), text


def test_quote_never_closed_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "LINE_BYTES", 50)
    text = b'a,b,c\n1,"open,3\n' + b"4,5,6\n" * 40
    records, rejected = parted(text, 20)
    assert [line for line, _ in records] == list(range(3, 43))
    assert rejected == [(2, b'1,"open,3')]
    with pytest.raises(UnreadableFileError, match="line 3 is longer"):
        parted(b"a,b,c\n1,2,3\n" + b"x" * 500, 20)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lines_are_the_same_however_they_end_and_come(end: bytes, size: int) -> None:
    text = end.join([b'{"a":1}', b"", b'{"b":"\xff"}', "é".encode(), b"\0"])
    found = [row for batch in json_lines(blocks(text, size)) for row in batch.to_pylist()]
    assert [(row["source_position"], row["line"], row["is_escaped"]) for row in found] == [
        (1, '{"a":1}', False), (3, '{"b":"\\xff"}', True), (4, "é", False), (5, "\\x00", True),
    ]  # fmt: skip


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        raw = b"".join(rng.choice([b"\\", b"x", b"4", b"1", b"\xff", b"\0", "é".encode(), b"\\x41"]) for _ in range(9))
        assert as_bytes(*as_text(raw)) == raw

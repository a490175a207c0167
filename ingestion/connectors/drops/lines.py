"""JSON Lines as Arrow: one text per line, with its number. Nothing is parsed here.

A line that is no text (not UTF-8, or with a NUL) is handed on escaped, so that it is rejected as a record and can be
had again byte for byte; the others of its file land.
"""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ingestion.connectors.drops.unpacking import UnreadableFileError
from ingestion.landing.drift import EVIDENCE_ROWS, MAX_BROKEN_SHARE

#: Longest line or record; a longer one makes its file unreadable rather than the machine.
LINE_BYTES = 8 << 20
#: So many records are judged before the end of the file, lest all of a large one of another kind is read in vain.
_JUDGED_EARLY = 10_000
SCHEMA = pa.schema(
    [("line", pa.string()), ("source_position", pa.int64()), ("is_escaped", pa.bool_())],
)
_NEWLINE = 10
_ESCAPED = re.compile(r"\\(\\|x[0-9a-f]{2})")


def as_text(raw: bytes) -> tuple[str, bool]:
    """Bytes as text, and whether they had to be escaped: `\\xNN` for a byte that is no text, `\\\\` for a backslash."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        escaped = raw.replace(b"\\", b"\\\\").decode(errors="backslashreplace")
        return escaped.replace("\0", r"\x00"), True
    return (text.replace("\\", "\\\\").replace("\0", r"\x00"), True) if "\0" in text else (text, False)


def as_bytes(text: str, is_escaped: bool) -> bytes:
    """What `as_text` was given."""
    if not is_escaped:
        return text.encode()
    parts = _ESCAPED.split(text)  # plain, escape, plain, escape, …
    return b"".join(
        part.encode() if number % 2 == 0 else b"\\" if part == "\\" else bytes.fromhex(part[1:])
        for number, part in enumerate(parts)
    )


def judge(unreadable: int, records: int, *, is_end: bool) -> None:
    """Hold a file to being mostly readable.

    Raises:
        UnreadableFileError: most of its records are not what its name says.
    """
    if records >= (EVIDENCE_ROWS if is_end else _JUDGED_EARLY) and unreadable > MAX_BROKEN_SHARE * records:
        raise UnreadableFileError(
            f"{unreadable} of {records} records cannot be read",
            cure="see that it is UTF-8 (or of the `encoding` that the contract's server says) and has its delimiter",
        )


def json_lines(blocks: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
    """The lines of a file as `SCHEMA` says; empty lines count in the numbers and are left out.

    Raises:
        UnreadableFileError: a line is too long, or most of them are no text.
    """
    number, records, unreadable = 1, 0, 0
    try:
        for block, begin, end in _whole_lines(blocks):
            batch, lines = _plain(block, begin=begin, end=end, number=number) or _one_by_one(block[begin:end], number)
            number += lines
            records += batch.num_rows
            unreadable += batch.column("is_escaped").true_count
            judge(unreadable, records, is_end=False)
            yield batch
    except _TooLongError:
        raise too_long(number) from None
    judge(unreadable, records, is_end=True)


def too_long(number: int) -> UnreadableFileError:
    """The error for a line that no record can be."""
    return UnreadableFileError(
        f"line {number} is longer than {LINE_BYTES >> 20} MB",
        cure="deliver one record per line; look for a line end or a closing quote that is missing",
    )


class _TooLongError(Exception):
    """The next line is too long."""


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """The same bytes, cut at line ends (LF, CR or CRLF): a block, and from where to where it is whole lines.

    Blocks are not cut or joined, which would copy them: only a line that goes over from one to the next is.
    """
    carry = b""
    for block in blocks:
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, len(block) - 1)) + 1
        begin = (block.find(b"\n", 0, end) + 1 or end) if carry else 0
        if carry and begin:
            carry += block[:begin]
            yield carry, 0, len(carry)
            carry = b""
        if begin < end:
            yield block, begin, end
        carry += block[end:]
        if len(carry) > LINE_BYTES:
            raise _TooLongError
    if carry:
        yield carry, 0, len(carry)


def _plain(block: bytes, *, begin: int, end: int, number: int) -> tuple[pa.RecordBatch, int] | None:
    """Lines of a block of text with LF line ends, as nearly all are; None for any other."""
    if b"\r" in block or b"\0" in block:
        return None
    ends = np.flatnonzero(np.frombuffer(block, np.uint8, end - begin, begin) == _NEWLINE)
    if block[end - 1] != _NEWLINE:
        ends = np.append(ends, end - begin)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends - np.arange(len(ends))
    offsets += begin - block.count(b"\n", 0, begin)
    text = block.replace(b"\n", b"")
    lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return None
    positions = pa.array(np.arange(number, number + len(ends)))
    batch = pa.record_batch([lines, positions, pa.repeat(False, len(ends))], schema=SCHEMA)
    is_filled = np.diff(offsets) > 0
    return (batch if is_filled.all() else batch.filter(pa.array(is_filled))), len(ends)


def _one_by_one(block: bytes, number: int) -> tuple[pa.RecordBatch, int]:
    lines = block.splitlines()
    filled = [(position, *as_text(line)) for position, line in enumerate(lines, start=number) if line]
    columns = [[text for _, text, _ in filled], [p for p, _, _ in filled], [escaped for _, _, escaped in filled]]
    return pa.record_batch(columns, schema=SCHEMA), len(lines)

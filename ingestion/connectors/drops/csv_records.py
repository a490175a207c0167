"""CSV as Arrow: every value as text, every record with the number of the line where it begins.

A block of the file that is strictly CSV (RFC 4180) goes to Arrow's parser at once; nearly all do. Any other is
parted record by record: what cannot be read is rejected line by line, and reading goes on at the next line, so that
a quote that is never closed costs one line and not the rest of the file.
"""

import csv
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from contracts.settings import load_settings
from ingestion.connectors.drops.lines import LINE_BYTES, as_text, judge, too_long
from ingestion.connectors.drops.unpacking import UnreadableFileError

#: Called with each record that cannot be read: its bytes, and the number of its line.
Reject = Callable[[bytes, int], None]
REJECTED = pa.schema(
    [("raw", pa.string()), ("source_file", pa.string()), ("source_position", pa.int64()), ("is_escaped", pa.bool_())]
)
#: Records that cannot be read are kept in memory up to so many, then in an unnamed file.
_HELD = 10_000
_NEWLINE, _QUOTE = b'\n"'
_LINE = re.compile(rb"([^\r\n]*+)(\r\n|\n|\r|\Z)")


@dataclass
class _Part:
    """What came of the beginning of some bytes: how many of them, how many lines, and the records in them."""

    taken: int = 0
    lines: int = 0
    records: pa.RecordBatch | None = None
    positions: Sequence[int] | npt.NDArray[np.int64] = field(default_factory=list)
    rejected: int = 0


class CsvRecords:
    """The grammar of CSV with one delimiter (a single byte): fields may be quoted, quotes in them are doubled."""

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        mark = delimiter.encode()
        d = re.escape(mark)
        # A quote in a field that does not begin with one is only a sign, as in `12" pipe`. Where a quoted field is
        # not closed, the empty alternative matches; the quote is then no end of a field, and there is no record.
        one = rb'(?:"(?:[^"]++|"")*+"|[^"' + d + rb"\r\n][^" + d + rb"\r\n]*+|)"
        self._fields = re.compile(rb"(?:\A|" + d + rb")" + one)
        self._record = re.compile(rb"(" + one + rb"(?:" + d + one + rb")*+)(\r\n|\n|\r|\Z)")
        self._open = re.compile(one + rb"(?:" + d + one + rb")*+" + rb'"(?:[^"]++|"")*+\Z')
        self._before = np.isin(np.arange(256), [*mark, *b'\n"'])
        self._after = np.isin(np.arange(256), [*mark, *b'\r\n"'])

    def header(self, blocks: Iterator[bytes]) -> tuple[str, ...]:
        """The names in the first line that is not empty; none for an empty file.

        Raises:
            UnreadableFileError: no text, or no CSV.
        """
        raw, _, _ = self._first(blocks)
        text, is_escaped = as_text(raw)
        if is_escaped:
            raise UnreadableFileError("the header is not UTF-8 text", cure="deliver the file as UTF-8")
        try:
            names = tuple(next(csv.reader([text], delimiter=self.delimiter, strict=True), ()))
        except csv.Error as error:
            raise UnreadableFileError(f"the header is not CSV ({error})", cure="deliver the file again") from None
        return names

    def rows(
        self, blocks: Iterator[bytes], names: Sequence[str], reject: Reject
    ) -> Iterator[tuple[pa.RecordBatch, Sequence[int] | npt.NDArray[np.int64]]]:
        """The records after the header, and the line at which each begins; `reject` is given the others.

        Raises:
            UnreadableFileError: a line is too long, or most of them cannot be read.
        """
        _, carry, line = self._first(blocks)
        records = unreadable = 0
        for block, is_end in chain(((block, False) for block in blocks), [(b"", True)]):
            carry += block
            if is_end and carry and not carry.endswith((b"\n", b"\r")):
                carry += b"\n"
            taken = 1
            while carry and taken:  # what is not taken may go on in the next block
                part = self._strict(carry, line, names) or self._one_by_one(
                    carry, line=line, names=names, reject=reject, is_end=is_end
                )
                taken = part.taken
                carry, line = carry[taken:], line + part.lines
                records += len(part.positions) + part.rejected
                unreadable += part.rejected
                judge(unreadable, records, is_end=is_end and not carry)
                if part.records is not None:
                    yield part.records, part.positions

    def _first(self, blocks: Iterator[bytes]) -> tuple[bytes, bytes, int]:
        """The first record, which is the header; the bytes after it, and the number of their line."""
        carry, line = b"", 1
        for block, is_end in chain(((block, False) for block in blocks), [(b"", True)]):
            carry += block
            while match := self._record.match(carry):
                raw, end = match.groups()
                if not (is_end or end == b"\n" or match.end() < len(carry)):
                    break  # its end may be in the next block
                line += len(_LINE.findall(match.group())) - 1
                carry = carry[match.end() :]
                if raw or (is_end and not carry):
                    return raw, carry, line
            if len(carry) > LINE_BYTES:
                raise too_long(line)
        raise UnreadableFileError("the header is not CSV", cure="deliver the file again, with quotes that are closed")

    def _strict(self, block: bytes, line: int, names: Sequence[str]) -> _Part | None:
        """The whole records at the beginning of a block; None where any of it is not strictly CSV."""
        signs = np.frombuffer(block, np.uint8)
        ends = every_end = np.flatnonzero(signs == _NEWLINE)
        quotes = np.flatnonzero(signs == _QUOTE) if b'"' in block else ends[:0]
        if len(quotes):
            ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
        if not len(ends):
            return None
        taken = int(ends[-1]) + 1
        quotes = quotes[: np.searchsorted(quotes, taken)]
        returns = block.count(b"\r", 0, taken)
        newlines = int(np.searchsorted(every_end, taken))
        if returns and not returns == newlines == block.count(b"\r\n", 0, taken):
            return None
        if block.find(b"\0", 0, taken) >= 0 or not self._is_strict(signs, quotes):
            return None
        starts = np.zeros(len(ends), np.int64)
        starts[1:] = ends[:-1] + 1
        lines = line + (np.searchsorted(every_end, starts) if len(quotes) else np.arange(len(ends)))
        lines = lines[ends - starts > (1 if returns else 0)]
        try:
            records = _parsed(pa.py_buffer(block).slice(0, taken), names, self.delimiter) if len(lines) else None
        except pa.ArrowInvalid:
            return None
        if records is not None and records.num_rows != len(lines):
            return None
        return _Part(taken, lines=newlines, records=records, positions=lines)

    def _is_strict(self, signs: np.ndarray, quotes: np.ndarray) -> bool:
        """Whether every quote stands at the beginning or end of a field, or is doubled."""
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) and opening[0] == 0:
            opening = opening[1:]
        return bool(self._before[signs[opening - 1]].all() and self._after[signs[closing + 1]].all())

    def _one_by_one(self, block: bytes, *, line: int, names: Sequence[str], reject: Reject, is_end: bool) -> _Part:
        """The records of a block, each on its own, up to one that may go on in the next block."""
        good: list[bytes] = []
        positions: list[int] = []
        rejected = at = 0
        first = line
        while at < len(block):
            match = self._record.match(block, at)
            is_whole = match is not None and (is_end or match.end() < len(block) or match.group(2) == b"\n")
            may_go_on = not is_whole and (match is not None or self._open.match(block, at) is not None)
            if may_go_on and not is_end and len(block) - at <= LINE_BYTES:
                break
            if match is not None and is_whole:
                raw = match.group(1)
                lines = len(_LINE.findall(match.group())) - 1
                has_all = self._count(raw) == len(names)
                if has_all and raw and not as_text(raw)[1]:
                    good.append(raw)
                    positions.append(line)
                elif raw and (has_all or lines == 1):
                    reject(raw, line)
                    rejected += 1
                if has_all or not raw or lines == 1:  # else a quote has swallowed lines: only the first is at fault
                    at, line = match.end(), line + lines
                    continue
            raw, end = _LINE.match(block, at).groups()  # type: ignore[union-attr]  # any bytes match
            if len(raw) > LINE_BYTES:
                raise too_long(line)
            if end != b"\n" and at + len(raw + end) == len(block) and not is_end:
                break
            if raw:
                reject(raw, line)
                rejected += 1
            at, line = at + len(raw + end), line + 1
        records = _parsed(pa.py_buffer(b"\n".join(good) + b"\n"), names, self.delimiter) if good else None
        return _Part(at, lines=line - first, records=records, positions=positions, rejected=rejected)

    def _count(self, raw: bytes) -> int:
        if b'"' not in raw:
            return raw.count(self.delimiter.encode()) + 1
        return len(self._fields.findall(raw))


class RejectedRecords:
    """Records that cannot be read, apart from the stream of those that can; in an unnamed file where they are many."""

    def __init__(self) -> None:
        self._held: list[tuple[str, str, int, bool]] = []
        self._files: list[pa.NativeFile] = []

    def add(self, raw: bytes, source_file: str, position: int) -> None:
        """Keep a record."""
        text, is_escaped = as_text(raw)
        self._held.append((text, source_file, position, is_escaped))
        if len(self._held) >= _HELD:
            folder = load_settings().home / "tmp"
            folder.mkdir(parents=True, exist_ok=True)
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # it lives, without a name, as long as we do
            with pa.ipc.new_stream(file, REJECTED) as writer:
                writer.write(self._batch())
            self._files.append(file)
            self._held.clear()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All of them."""
        for file in self._files:
            file.seek(0)
            yield from pa.ipc.open_stream(file)
        if self._held:
            yield self._batch()

    def _batch(self) -> pa.RecordBatch:
        return pa.record_batch([list(values) for values in zip(*self._held, strict=True)], schema=REJECTED)


def _parsed(text: pa.Buffer, names: Sequence[str], delimiter: str) -> pa.RecordBatch:
    """Records as columns of text; an empty field is null, a quoted empty one is an empty text."""
    table = pa.csv.read_csv(
        text,
        pa.csv.ReadOptions(use_threads=False, block_size=text.size + 1, column_names=list(names)),
        pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        pa.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            null_values=[""],
        ),
    )
    return table.combine_chunks().to_batches()[0]

"""How DuckDB reads the files of a drop folder: CSV, JSON Lines, Parquet. Types are given, never sniffed.

Before DuckDB sees a file it is probed: DuckDB reads a cut or damaged gzip up to the damage without a word
(measured: 98,967 of 200,000 rows, no error), so the checksum is verified here, and a small file that unpacks to an
enormous one is refused before it fills the machine.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.connectors.base import literal, quoted
from lake.errors import LakeError

#: Longest line; a longer one makes its file unreadable rather than the machine.
LINE_BYTES = 8 << 20
#: DuckDB takes one such buffer per file it has open (by itself it would take 16 lines' worth: gigabytes).
BUFFER_BYTES = 2 * LINE_BYTES
#: A gzip may unpack to this many times its size once it is beyond `UNPACKED_BYTES`.
UNPACK_RATIO = 250
UNPACKED_BYTES = 32 << 20
_CHUNK = 1 << 20
_GZIP = 31  # zlib's window bits for the gzip container


class UnreadableFileError(LakeError):
    """A file cannot be read as what its contract says; it is left where it is."""


@dataclass(frozen=True)
class Reading:
    """How to read some files: see `Delivery` for the meaning of each."""

    query: str
    columns: Mapping[str, str] | None
    refused: str | None
    locate: Callable[[str], str] | None


def is_gzip(path: Path) -> bool:
    """By name, as the source says it."""
    return path.suffix == ".gz"


def verify(path: Path) -> None:
    """Read a gzip to its end and hold it to its checksum; other files are taken as they are."""
    if not is_gzip(path):
        return
    size = path.stat().st_size
    unpacked = 0
    try:
        with path.open("rb") as file:
            stream = zlib.decompressobj(_GZIP)
            while chunk := file.read(_CHUNK):
                while chunk:
                    unpacked += len(stream.decompress(chunk, _CHUNK))
                    if unpacked > max(UNPACKED_BYTES, size * UNPACK_RATIO):
                        raise UnreadableFileError(
                            f"unpacks to more than {UNPACK_RATIO} times its {size} bytes",
                            cure="look at the file; deliver it in parts or unpacked if it is meant",
                        )
                    chunk = stream.unconsumed_tail
                    if stream.eof and (rest := stream.unused_data):
                        stream, chunk = zlib.decompressobj(_GZIP), rest
            if not stream.eof:
                raise UnreadableFileError("the gzip ends too early", cure="deliver the file again, whole")
    except zlib.error as error:
        raise UnreadableFileError(f"not a whole gzip ({error})", cure="deliver the file again, whole") from None


def columns(path: Path, file_format: str, delimiter: str) -> tuple[str, ...] | None:
    """The names a file declares for its columns, empty for an empty file; None where each record has its own (JSON).

    Raises:
        UnreadableFileError: the file is not of its format.
    """
    if file_format == "csv":
        return csv_header(path, delimiter)
    if file_format != "parquet":
        return None
    try:
        return tuple(pq.read_schema(path).names)
    except pa.ArrowException as error:
        raise UnreadableFileError(f"not a whole Parquet file ({error})", cure="deliver the file again, whole") from None


def json_lines(paths: Sequence[Path], root: Path) -> Reading:
    """One JSON document per line, kept as text: the checks cast it, so that a bad value is refused, not fatal."""

    def lines(chosen: Sequence[Path]) -> str:
        return f"""read_csv({_list(chosen)}, auto_detect=false, header=false, delim='\x01', quote='', escape='',
            columns={{'line': 'VARCHAR'}}, max_line_size={LINE_BYTES}, buffer_size={BUFFER_BYTES}, filename=true)"""

    def locate(name: str) -> str:
        return f"select line as raw, row_number() over () as source_position from {lines([root / name])}"

    query = f"select line, {_relative(root)} as source_file, null::bigint as source_position from {lines(paths)}"
    return Reading(query, None, None, locate)


def parquet(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], root: Path) -> Reading:
    """Parquet with the files' own types, brought together by column name."""
    scan = f"read_parquet({_list(paths)}, union_by_name=true, filename=true, file_row_number=true)"
    described = connection.execute(f"describe select * exclude (filename, file_row_number) from {scan}").fetchall()
    query = (
        f"select * exclude (filename, file_row_number), {_relative(root)} as source_file, "
        f"file_row_number + 1 as source_position from {scan}"
    )
    return Reading(query, {row[0]: row[1] for row in described}, None, None)


def csv_files(paths: Sequence[Path], root: Path, delimiter: str) -> Reading:
    """CSV by its header line, every value as text; an empty field is null, a quoted empty one is an empty text."""
    by_header: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        if header := csv_header(path, delimiter):
            by_header.setdefault(header, []).append(path)
    if not by_header:
        return Reading("select ''::varchar as source_file, null::bigint as source_position where false", {}, None, None)
    every = list(dict.fromkeys(name for header in by_header for name in header))

    def scan(header: tuple[str, ...], chosen: Sequence[Path]) -> str:
        columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header)
        return f"""read_csv({_list(chosen)}, auto_detect=false, header=true, delim={literal(delimiter)}, quote='"',
            escape='"', allow_quoted_nulls=false, columns={{{columns}}}, max_line_size={LINE_BYTES},
            buffer_size={BUFFER_BYTES}, filename=true, ignore_errors=true, store_rejects=true)"""

    def select(header: tuple[str, ...], chosen: Sequence[Path]) -> str:
        values = ", ".join(quoted(n) if n in header else f"null::varchar as {quoted(n)}" for n in every)
        return f"""select {values}, {_relative(root)} as source_file, null::bigint as source_position
            from {scan(header, chosen)}"""

    def locate(name: str) -> str:
        header = csv_header(root / name, delimiter)
        return f"""select to_json({_struct(every, header)})::varchar as raw, row_number() over () as source_position
            from {scan(header, [root / name])}"""

    return Reading(
        " union all ".join(select(header, chosen) for header, chosen in by_header.items()),
        dict.fromkeys(every, "VARCHAR"),
        f"""select e.csv_line as raw, {_relative(root, "s.file_path")} as source_file, e.line - 1 as source_position
            from reject_errors e join reject_scans s using (scan_id, file_id)
            qualify row_number() over (partition by scan_id, file_id, e.line) = 1""",
        locate,
    )


def csv_header(path: Path, delimiter: str) -> tuple[str, ...]:
    """Names in the first line of a CSV; empty for an empty file.

    Raises:
        UnreadableFileError: not UTF-8, or a name is empty or there twice.
    """
    opener = gzip.open if is_gzip(path) else open
    try:
        with opener(path, "rb") as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            names = tuple(next(csv.reader(text, delimiter=delimiter), ()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(f"the header is not UTF-8 CSV ({error})", cure="deliver the file as UTF-8") from None
    if len({name.lower() for name in names}) < len(names) or any(not name.strip() for name in names):
        raise UnreadableFileError(
            "a column of the header has no name or is there twice", cure="deliver the file with one name per column"
        )
    return names


def _struct(every: Sequence[str], header: Sequence[str]) -> str:
    values = (f"{quoted(n)} := {quoted(n) if n in header else 'null::varchar'}" for n in every)
    return f"struct_pack({', '.join(values)})"


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(literal(str(path)) for path in paths) + "]"


def _relative(root: Path, column: str = "filename") -> str:
    return f"substr({column}, {len(str(root)) + 2})"

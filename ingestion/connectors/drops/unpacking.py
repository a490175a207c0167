"""The bytes of a file, unpacked as its name says (`.gz`, `.zst`) and checked against what they claim to be.

A stream is verified to its end while its rows are read, so that no large file is unpacked twice. A cut or damaged one,
one that unpacks to an enormous size, and a file that is something else than its name says end in an
`UnreadableFileError`; landing then leaves that file where it is and lands the others.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO

import pyarrow as pa

from contracts.errors import LakeError

#: A packed file may unpack to this many times its size once it is beyond `UNPACKED_BYTES`.
UNPACK_RATIO = 250
UNPACKED_BYTES = 32 << 20
#: A packed file up to this size is unpacked once for nothing before a batch begins: that costs milliseconds, and
#: 97 KB that unpack to 50 million rows are rejected before any of them is looked at.
SMALL_BYTES = 1 << 20
#: How a file is packed, by its suffix.
CODECS = {".gz": "gzip", ".zst": "zstd"}
_BLOCK = 2 << 20
#: First bytes that say what a file is, whatever its name says.
_SIGNATURES = {
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x00\x00\xfe\xff": "UTF-32",
}
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8 says nothing and is no part of the text
#: Text of two bytes per character, without a mark, has a zero for every second byte.
_ZEROS = 0.2


class UnreadableFileError(LakeError):
    """A file cannot be read as what its contract says; it is left where it is."""


def text_blocks(
    file: BinaryIO, *, name: str, size: int, encoding: str | None = None, is_first_look: bool = False
) -> Iterator[bytes]:
    """The text of a file as UTF-8 in blocks of about 2 MB, without a byte order mark.

    Args:
        name: says by its suffix how the file is packed.
        size: bytes on disk.
        encoding: how the text is written where it is not UTF-8, as Python names it (`gb18030`, `utf-16`). A byte that
            is none of it stays that byte, and so costs its record.
        is_first_look: the look before a batch begins: the size of a small packed file is checked at once.

    Raises:
        UnreadableFileError: not whole, not what its name says, or far too large unpacked.
    """
    blocks = _unpacked(file, name, size, is_first_look=is_first_look)
    first = next(blocks, b"")
    kind = next((kind for signature, kind in _SIGNATURES.items() if first.startswith(signature)), None)
    if encoding is not None and (kind is None or kind.startswith("UTF")):
        blocks = _transcoded(chain([first], blocks), encoding)
        kind, first = None, next(blocks, b"")
    if kind is None and first[: 1 << 16].count(0) > _ZEROS * len(first[: 1 << 16]):
        kind = "UTF-16 or no text at all"
    if kind:
        raise UnreadableFileError(
            f"is {kind}, not the text its name says",
            cure="deliver it as UTF-8 text, under the name that fits, or say its `encoding` at the contract's server",
        )
    if first:
        yield first.removeprefix(_MARK)
    yield from blocks


def _unpacked(file: BinaryIO, name: str, size: int, *, is_first_look: bool) -> Iterator[bytes]:
    codec = CODECS.get(PurePath(name).suffix)
    if codec is None:
        while block := file.read(_BLOCK):
            yield block
        return
    if not size:
        raise UnreadableFileError(f"is empty, not a {codec}", cure="deliver the file again, whole")
    if is_first_look and size <= SMALL_BYTES:
        packed = pa.py_buffer(file.read())
        for _ in _unpacked_blocks(pa.BufferReader(packed), codec, size):
            pass
        yield from _unpacked_blocks(pa.BufferReader(packed), codec, size)
    else:
        yield from _unpacked_blocks(pa.PythonFile(file, "r"), codec, size)


def _unpacked_blocks(file: pa.NativeFile, codec: str, size: int) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(file, codec)
    most = max(UNPACKED_BYTES, size * UNPACK_RATIO)
    unpacked = 0
    while block := _next(stream, codec):
        unpacked += len(block)
        if unpacked > most:
            raise UnreadableFileError(
                f"unpacks to more than {UNPACK_RATIO} times its {size} bytes",
                cure="look at the file; deliver it in parts or unpacked if it is meant",
            )
        yield block


def _transcoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    try:
        for block in blocks:
            yield decoder.decode(block).encode(errors="surrogateescape")
        yield decoder.decode(b"", final=True).encode(errors="surrogateescape")
    except UnicodeError as error:  # the text of one with a reason quotes the bytes; UTF-16 without its mark has none
        problem = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        raise UnreadableFileError(f"not {encoding} ({problem})", cure="deliver it again, whole") from None


def _next(stream: pa.CompressedInputStream, codec: str) -> bytes:
    try:
        return stream.read(_BLOCK)  # type: ignore[no-any-return]
    except OSError as error:
        raise UnreadableFileError(f"not a whole {codec} ({error})", cure="deliver the file again, whole") from None

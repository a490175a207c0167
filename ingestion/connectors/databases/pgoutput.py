"""PostgreSQL's own logical replication messages (plugin `pgoutput`, protocol 1) as rows of JSON.

The messages carry every value as the text the database prints for it, so that NaN, infinity and any number of digits
arrive as they are (wal2json 2.5 gives null for NaN and infinity). A row is `line` (the record as JSON), `is_deleted`
and `seq`, its place in the order of changes.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import orjson

_BOOLEAN = 16  # type oid
_UNCHANGED = object()

Values = dict[str, object]


@dataclass(frozen=True)
class Change:
    """One row of one transaction."""

    line: str
    is_deleted: bool
    seq: int


@dataclass(frozen=True)
class Relation:
    """A table as it was when the change was made."""

    names: tuple[str, ...]
    types: tuple[int, ...]


class UnusableChangeError(Exception):
    """A change that does not say the whole row; `args[0]` says why."""


@dataclass
class Decoder:
    """Reads messages in their order.

    Attributes:
        key: names of the columns of the natural key: where an update changes it, the old key is gone.
        with_deletes: whether deleted rows are wanted.
        is_landed: whether a transaction is in the lake already, by its commit position and number.
        end: position after the last whole transaction, None before the first.
        rows: number of rows of whole transactions.
        truncated: a transaction emptied the table: nothing of it, or after it, is read.
    """

    key: Sequence[str]
    with_deletes: bool
    is_landed: Callable[[int, int], bool]
    end: int | None = None
    rows: int = 0
    truncated: bool = False
    _seq: int = 0
    _skipped: bool = False
    _relations: dict[int, Relation] = field(default_factory=dict)

    def decode(self, message: bytes) -> Iterator[Change]:
        """The rows of one message.

        Raises:
            UnusableChangeError: the table does not log its old rows.
        """
        kind = message[:1]
        if self.truncated:
            return
        if kind == b"B":
            commit, _, xid = struct.unpack_from(">qqI", message, 1)
            self._skipped = self.is_landed(commit, xid)
        elif kind == b"R":
            self._relate(message)
        elif kind == b"C":
            (self.end,) = struct.unpack_from(">q", message, 10)
            self.rows = self._seq
        elif not self._skipped:
            if kind == b"T":
                self.truncated = True
            elif kind == b"I":
                yield from self._written(_Reader(message, 6), self._relation(message), None)
            elif kind in (b"U", b"D"):
                yield from self._changed(kind, message)

    def _changed(self, kind: bytes, message: bytes) -> Iterator[Change]:
        relation = self._relation(message)
        if message[5:6] != b"O":
            raise UnusableChangeError("its changes do not hold the whole old row")
        reader = _Reader(message, 6)
        old = reader.values(relation)
        if kind == b"D":
            yield from self._gone(old)
        else:
            reader.position += 1
            yield from self._written(reader, relation, old)

    def _written(self, reader: "_Reader", relation: Relation, old: Values | None) -> Iterator[Change]:
        new = reader.values(relation)
        if old is not None:
            new = {name: old[name] if value is _UNCHANGED else value for name, value in new.items()}
            if any(old.get(name) != new.get(name) for name in self.key):
                yield from self._gone(old)
        yield self._change(new, is_deleted=False)

    def _gone(self, old: Values) -> Iterator[Change]:
        if self.with_deletes:
            yield self._change(old, is_deleted=True)

    def _change(self, values: Values, *, is_deleted: bool) -> Change:
        self._seq += 1
        try:
            line = orjson.dumps(values).decode()
        except TypeError:  # not UTF-8: no JSON, so that the whole row is rejected as unreadable
            line = repr(values)
        return Change(line, is_deleted, self._seq)

    def _relate(self, message: bytes) -> None:
        (oid,) = struct.unpack_from(">I", message, 1)
        reader = _Reader(message, 5)
        reader.name()
        reader.name()
        (count,) = struct.unpack_from(">h", message, reader.position + 1)
        reader.position += 3
        names, types = [], []
        for _ in range(count):
            reader.position += 1
            names.append(reader.name())
            types.append(struct.unpack_from(">I", message, reader.position)[0])
            reader.position += 8
        self._relations[oid] = Relation(tuple(names), tuple(types))

    def _relation(self, message: bytes) -> Relation:
        return self._relations[struct.unpack_from(">I", message, 1)[0]]


@dataclass
class _Reader:
    """A place in a message."""

    message: bytes
    position: int

    def name(self) -> str:
        end = self.message.index(b"\0", self.position)
        text = self.message[self.position : end].decode()
        self.position = end + 1
        return text

    def values(self, relation: Relation) -> Values:
        message, position = self.message, self.position + 2
        values: Values = {}
        for name, oid in zip(relation.names, relation.types, strict=True):
            kind = message[position : position + 1]
            position += 1
            value: object = None
            if kind == b"t":
                (length,) = struct.unpack_from(">I", message, position)
                position += 4
                value = _text(message[position : position + length], oid)
                position += length
            elif kind == b"u":
                value = _UNCHANGED
            values[name] = value
        self.position = position
        return values


def _text(value: bytes, oid: int) -> object:
    if oid == _BOOLEAN:
        return value == b"t"
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value

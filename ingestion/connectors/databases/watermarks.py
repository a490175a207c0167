"""A watermark column as SQL conditions: which rows have a time there, which lie in a range, which are odd.

A column that is a time in the database is compared as it is, so that its index is used; one that is text is compared
as text that sorts like the time it says. Nothing here talks to a database.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lake.sql.text import literal

_FIRST = "0001-01-01"


@dataclass(frozen=True)
class Mark:
    """How one database compares one watermark column.

    Attributes:
        value: SQL of what is compared and sorted.
        kind: the column's type where it is a time (`timestamptz`, `timestamp`, `date`), "" where it is text.
        is_time: for text, the SQL condition that it says a time.
        checksum: SQL aggregate that distinguishes two sets of watermarks, whatever their number.
    """

    value: str
    kind: str
    is_time: str
    checksum: str

    def between(self, after: str | None, upto: str) -> str:
        """Condition: later than `after` (None: any time) and not later than `upto`; an index answers it."""
        low = f"{self.value} > {self.as_sql(after)}" if after else f"{self.value} >= {self.as_sql(_FIRST)}"
        return " and ".join([low, f"{self.value} <= {self.as_sql(upto)}", *([self.is_time] if self.is_time else [])])

    def is_odd(self, upto: str) -> str:
        """Condition: no range of times holds the row: null, no time, `infinity`, or later than `upto`."""
        if self.is_time:
            return f"coalesce(not ({self.is_time} and {self.value} <= {self.as_sql(upto)}), true)"
        outside = f"{self.value} < {self.as_sql(_FIRST)} or {self.value} > {self.as_sql(upto)}"
        return f"({self.value} is null or {outside})"

    def newest(self, condition: str, table: str) -> str:
        """Query of the latest watermark among the rows of a condition, as text."""
        return f"select max({self.value}){self._as_text} from {table} where {condition}"

    def nth(self, number: int, condition: str, table: str) -> str:
        """Query of the watermark of the nth row in the order of watermarks; no row where there are fewer."""
        return (
            f"select {self.value}{self._as_text} from {table} where {condition}"
            f" order by {self.value} limit 1 offset {number - 1}"
        )

    def fingerprint(self, condition: str, table: str) -> str:
        """Query of a short text that differs where the rows of a condition have other watermarks."""
        return f"select count(*) || ':' || coalesce({self.checksum}, 0) from {table} where {condition}"

    def as_sql(self, text: str) -> str:
        """A watermark's text as SQL that `value` is compared with."""
        return f"{self.kind} {literal(text)}" if self.kind else literal(text)

    @property
    def _as_text(self) -> str:
        return "::text" if self.kind else ""


def overlap_start(watermark: str, overlap: timedelta) -> str:
    """A time before a watermark, written as the watermark is: rows after it may still be committed.

    A watermark of whole days says nothing of the hour: the day that the overlap reaches into is read whole.
    """
    start = parse(watermark) - overlap
    if len(watermark) == len(_FIRST):
        return (start - timedelta(days=1)).strftime("%Y-%m-%d")
    return instant(start, between=watermark[10:11])


def instant(at: datetime, *, between: str = " ") -> str:
    """A time as a watermark's text.

    Without offset and fraction it sorts before every fuller text of the same second, whatever its form.
    """
    return at.astimezone(UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S")


def parse(watermark: str) -> datetime:
    """The time that a watermark's text says; UTC where it names no zone."""
    at = datetime.fromisoformat(watermark)
    return at if at.tzinfo else at.replace(tzinfo=UTC)

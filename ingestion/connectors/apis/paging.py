"""How an API is paged, as its contract says (`paging`), and what the cursor keeps so that a run goes on without loss.

| `paging` | asked | cursor |
|---|---|---|
| `cursor` | `after`, `limit`; the answer names `next` and `cursor` | the API's own cursor: nothing is asked for twice |
| `page` | page number from 1 and `limit`, until a page is empty; `total` is believed where it is said | the last page |
| `link` | the answer's `Link: <…>; rel="next"`, same host only | the address of the last page |

Where pages have no cursor of their own, the last one is read again: if it still begins with the rows it had, only what
follows them is new; if not, rows have moved, and all pages are read again (what is here is known by its content).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol
from urllib.parse import parse_qsl, urlsplit

import orjson

from ingestion.connectors.apis.client import Answer, RestClient
from ingestion.connectors.base import Cursor

#: An address with such a parameter holds a secret: it is not kept in a cursor.
_SECRET = re.compile(r"token|secret|signature|password|passwd|api_?key|^key$|^sig$|^auth", re.IGNORECASE)


@dataclass(frozen=True)
class Options:
    """What the contract's server says of its paging."""

    page_rows: int
    page_parameter: str = "page"
    limit_parameter: str = "limit"


@dataclass(frozen=True)
class Request:
    """One page to ask for: its number, the rows on those before it, and how many there are in all, as last said."""

    url: str
    parameters: Mapping[str, str]
    number: int = 1
    before: int = 0
    total: int | None = None

    @property
    def key(self) -> str:
        """What is asked, as text."""
        return f"{self.url} {sorted(self.parameters.items())}"


@dataclass(frozen=True)
class Page:
    """A page that has come: the rows of it that are new start at `skip`."""

    request: Request
    answer: Answer
    rows: list[Any]
    skip: int = 0


class Paging(Protocol):
    """One way of paging. `is_rereading`: the last page is read again, since there is no cursor of the API's own."""

    is_rereading: ClassVar[bool]

    def first(self, cursor: Cursor | None) -> Request:
        """The page to begin with: after the cursor, or the last one that was read."""

    def rows(self, answer: Answer) -> list[Any]:
        """The rows of an answer. Raises SourceError where it has not the shape of a page."""

    def following(self, page: Page) -> Request | None:
        """The page after this one, None where this one is known to be the last."""

    def cursor(self, page: Page) -> dict[str, Any]:
        """Where to go on after this page, once it is landed."""

    def is_at(self, cursor: Cursor, page: Page) -> bool:
        """Whether the first page still begins with what was read when the cursor was written."""

    def seen(self, cursor: Cursor) -> int:
        """How many rows of the first page were read before."""

    def complaint(self, page: Page) -> str | None:
        """What does not add up, so that rows may have been passed over; None where all is well."""


@dataclass(frozen=True)
class CursorPaging:
    """The API's own cursor."""

    client: RestClient
    options: Options
    is_rereading: ClassVar[bool] = False

    def first(self, cursor: Cursor | None) -> Request:
        return self._request(str((cursor or {}).get("after", "")))

    def rows(self, answer: Answer) -> list[Any]:
        document = answer.document
        if not isinstance(document, dict) or not isinstance(document.get("data"), list) or "next" not in document:
            raise self.client.broken("does not answer with `data` and `next`")
        return list(document["data"])

    def following(self, page: Page) -> Request | None:
        after = page.answer.document["next"]
        return self._request(str(after)) if after and page.rows else None

    def cursor(self, page: Page) -> dict[str, Any]:
        document = page.answer.document
        after = document["next"] or document.get("cursor")
        if not after or str(after) == page.request.parameters["after"]:
            raise self.client.broken("gives rows without a new cursor, so that paging would never end")
        return {"after": str(after)}

    def is_at(self, cursor: Cursor, page: Page) -> bool:
        return True

    def seen(self, cursor: Cursor) -> int:
        return 0

    def complaint(self, page: Page) -> str | None:
        return None

    def _request(self, after: str) -> Request:
        return Request(
            self.client.url, parameters={"after": after, self.options.limit_parameter: str(self.options.page_rows)}
        )


@dataclass(frozen=True)
class _Rereading:
    """What paging without a cursor of its own shares: the last page is read again and held against what it was."""

    client: RestClient
    options: Options
    is_rereading: ClassVar[bool] = True

    def rows(self, answer: Answer) -> list[Any]:
        document = answer.document
        rows = document.get("data") if isinstance(document, dict) else document
        if not isinstance(rows, list):
            raise self.client.broken("does not answer with a list of rows, alone or as `data`")
        return rows

    def is_at(self, cursor: Cursor, page: Page) -> bool:
        return digest(page.rows[: int(cursor["rows"])]) == str(cursor["digest"])

    def seen(self, cursor: Cursor) -> int:
        return int(cursor["rows"])

    def complaint(self, page: Page) -> str | None:
        return None

    def cursor(self, page: Page) -> dict[str, Any]:
        return {"rows": len(page.rows), "digest": digest(page.rows), "before": page.request.before}


class NumberPaging(_Rereading):
    """Numbered pages. A short page is no proof of the end, since servers cap what is asked; an empty one is."""

    def first(self, cursor: Cursor | None) -> Request:
        return self._request(int((cursor or {}).get("page", 1)), int((cursor or {}).get("before", 0)))

    def following(self, page: Page) -> Request | None:
        if not page.rows:
            return None
        before, total = page.request.before + len(page.rows), self._total(page)
        return None if total == before else self._request(page.request.number + 1, before, total)

    def cursor(self, page: Page) -> dict[str, Any]:
        return super().cursor(page) | {"page": page.request.number}

    def complaint(self, page: Page) -> str | None:
        total, request = self._total(page), page.request
        if total is not None and request.total is not None and total < request.total:
            return f"has shrunk from {request.total} rows to {total} while it was read, so that rows have moved"
        if total is not None and not page.rows and total > request.before:
            return f"says it has {total} rows and gives {request.before}"
        return None

    def _total(self, page: Page) -> int | None:
        document = page.answer.document
        total = document.get("total") if isinstance(document, dict) else None
        return total if isinstance(total, int) else None

    def _request(self, number: int, before: int, total: int | None = None) -> Request:
        options = self.options
        page_query = {options.page_parameter: str(number), options.limit_parameter: str(options.page_rows)}
        return Request(self.client.url, parameters=page_query, number=number, before=before, total=total)


class LinkPaging(_Rereading):
    """Links from page to page."""

    def first(self, cursor: Cursor | None) -> Request:
        path = (cursor or {}).get("path")
        if path is None:
            return Request(self.client.url, parameters={self.options.limit_parameter: str(self.options.page_rows)})
        return Request(
            self.client.same_origin(path, self.client.url), parameters={}, number=int((cursor or {})["number"])
        )

    def following(self, page: Page) -> Request | None:
        link = page.answer.next_link
        if link is None:
            return None
        return Request(self.client.same_origin(link, page.answer.url), parameters={}, number=page.request.number + 1)

    def cursor(self, page: Page) -> dict[str, Any]:
        parts = urlsplit(page.answer.url)
        path: str | None = parts.path + (f"?{parts.query}" if parts.query else "")
        if page.request.parameters or any(_SECRET.search(name) for name, _ in parse_qsl(parts.query)):
            path = None  # the first page, or one whose address must not be kept: begin at the first
        rows = super().cursor(page)
        return rows | {"path": path, "number": page.request.number}


#: Name in the contract -> the way of paging.
WAYS: dict[str, Callable[[RestClient, Options], Paging]] = {
    "cursor": CursorPaging,
    "page": NumberPaging,
    "link": LinkPaging,
}


def digest(rows: list[Any]) -> str:
    """A fingerprint of a page's rows, whatever the order of their fields."""
    return hashlib.blake2b(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()

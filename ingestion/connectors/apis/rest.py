"""REST APIs (httpx), paged as the contract's server says; an empty page changes nothing.

`GET <location><physicalName>` answers JSON: a list of rows, or an object whose `data` is one. How pages follow each
other, and what the cursor keeps of them, is `paging`; waits, refusals and limits are `client`; who we are is `access`.
Rows go to DuckDB as the text that came, so that no number is bent on the way through Python.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa

from contracts.contract_file import ContractError, Entity
from ingestion.connectors.apis.access import Access
from ingestion.connectors.apis.client import NotFound, RestClient
from ingestion.connectors.apis.paging import WAYS, Options, Page, Request, digest
from ingestion.connectors.base import Cursor, Delivery, Indivisible, SourceError, Trouble

PAGE_ROWS = 1000
#: Pages of one batch, and their text.
BATCH_PAGES = 200
BATCH_BYTES = 64 << 20
#: Waits between attempts, in seconds.
RETRY_SECONDS: Sequence[float] = (0.2, 0.8, 2.0)
#: So many pages in a row with the very same rows are one page that never ends.
SAME_PAGES = 4
_PAGES = pa.schema([("body", pa.string()), ("skip", pa.int64()), ("source_file", pa.string())])


class RestConnector(Indivisible):
    """One entity's endpoint. `options` are those of the contract's server."""

    stream = "rest"
    is_live = False
    is_stream = False

    def __init__(self, base_url: str, entity: Entity, options: Mapping[str, Any] | None = None) -> None:
        self.entity = entity
        server_says = dict(options or {})
        way = server_says.get("paging", "cursor")
        rows = server_says.get("pageRows", PAGE_ROWS)
        if way not in WAYS:
            raise _unusable(entity, key="paging", expected=f"one of {', '.join(WAYS)}", value=way)
        if not isinstance(rows, int) or not 1 <= rows <= 100_000:
            raise _unusable(entity, key="pageRows", expected="a whole number from 1 to 100000", value=rows)
        access = Access(
            entity.source, base_url=base_url, token_url=server_says.get("tokenUrl"), scope=server_says.get("scope")
        )
        self.client = RestClient(base_url.rstrip("/") + "/" + entity.physical_name.lstrip("/"), access)
        names = {name: server_says[key] for name, key in _PARAMETERS.items() if key in server_says}
        self.paging = WAYS[way](self.client, Options(rows, **names))
        self._is_reread = False
        self._asked: set[str] = set()
        self._same: tuple[str, int] = ("", 0)
        self._troubles: list[Trouble] = []

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a row follows the cursor; asked once, and True where there is no clear answer."""
        try:
            for page in self._pages(cursor, waits=()):
                if len(page.rows) > page.skip or self.paging.complaint(page):
                    return True
        except SourceError:
            return True
        finally:
            self._asked.clear()
            self._same = ("", 0)
        return self._is_reread

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The pages that follow the cursor, up to `BATCH_PAGES`."""
        bodies: list[str] = []
        skips: list[int] = []
        size, after = 0, dict(cursor or {})
        for page in self._pages(cursor, waits=RETRY_SECONDS):
            if len(page.rows) > page.skip:
                after = self.paging.cursor(page)
                bodies.append(page.answer.body)
                skips.append(page.skip)
                size += len(page.answer.body)
            if complaint := self.paging.complaint(page):
                place = f"{self.entity.source}/{self.entity.name}"
                self._troubles.append(Trouble(place, message=str(self.client.broken(complaint).args[0]), cure=_MOVED))
            if len(bodies) >= BATCH_PAGES or size >= BATCH_BYTES:
                break
        if not bodies:
            return None
        if self._troubles and not self._is_reread:
            after["digest"] = ""  # matches nothing: the next read begins at the first page, once in a run
        names = [self.entity.physical_name] * len(bodies)
        table = pa.table({"body": bodies, "skip": skips, "source_file": names}, schema=_PAGES)
        connection.register("rest_pages", table)
        return Delivery(query=_ROWS, columns=None, cursor=after, is_reread=self._is_reread)

    def troubles(self) -> list[Trouble]:
        """Pages that do not add up."""
        return self._troubles

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _pages(self, cursor: Cursor | None, waits: Sequence[float]) -> Iterator[Page]:
        """The pages from the cursor on. Where the one that was read last is no longer what it was, all of them."""
        page = None if cursor is None else self._page_of_cursor(cursor, waits)
        if page is None:
            self._is_reread = cursor is not None
            self._asked.clear()
            self._troubles.clear()
            page = self._first_page(waits)
        while True:
            yield page
            request = self.paging.following(page)
            if request is None:
                return
            self._refuse_repetition(request, page)
            try:
                page = self._get(request, waits)
            except NotFound:  # some APIs answer so beyond the last page; if it was none, the next run reads on here
                return

    def _page_of_cursor(self, cursor: Cursor, waits: Sequence[float]) -> Page | None:
        try:
            page = self._get(self.paging.first(cursor), waits)
        except NotFound:
            if self.paging.is_rereading:
                return None
            raise self.client.broken("answers 404") from None
        return replace(page, skip=self.paging.seen(cursor)) if self.paging.is_at(cursor, page) else None

    def _first_page(self, waits: Sequence[float]) -> Page:
        try:
            return self._get(self.paging.first(None), waits)
        except NotFound:
            raise self.client.broken("answers 404") from None

    def _get(self, request: Request, waits: Sequence[float]) -> Page:
        answer = self.client.get(request.url, request.parameters, waits)
        return Page(request, answer, self.paging.rows(answer))

    def _refuse_repetition(self, following: Request, page: Page) -> None:
        now = digest(page.rows)
        self._same = (now, self._same[1] + 1 if now == self._same[0] else 1)
        if page.rows:
            self._asked.add(page.request.key)
        if following.key in self._asked or self._same[1] >= SAME_PAGES:
            raise self.client.broken("gives the same page over and over, so that paging would never end")


#: Field of `Options` -> name in the contract.
_PARAMETERS = {"page_parameter": "pageParameter", "limit_parameter": "limitParameter"}
_MOVED = "all pages were read twice: ask the API's owner for a stable order of rows and a true `total`, then run again"
_ROWS = """select unnest(from_json(
        case when json_type(body::json) = 'ARRAY' then body::json else body::json->'$.data' end, '["JSON"]'
    )[skip + 1:])::varchar as line, source_file, null::bigint as source_position
    from rest_pages"""


def _unusable(entity: Entity, *, key: str, expected: str, value: object) -> ContractError:
    return ContractError(
        f"{entity.source}: the server's `{key}` should be {expected}, not {value!r}", cure="correct the contract"
    )

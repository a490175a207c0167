"""Paged REST APIs (httpx): cursor paging, bounded retries, an empty page changes nothing.

`GET <location><physicalName>?after=<cursor>&limit=<n>` answers `{"data": […], "next": <cursor or null>,
"cursor": <cursor after the last row>}`. The API's own cursor is the lake's: it is kept in the commit of the rows
it follows, and nothing is asked for twice. Rows go to DuckDB as the text that came, so that no number is bent on
the way through Python.
"""

import time
from collections.abc import Sequence
from typing import Any

import duckdb
import httpx
import orjson
import pyarrow as pa

from ingestion.connectors.base import Cursor, Delivery, Indivisible, SourceError, UnreachableError
from ingestion.contract import Entity

PAGE_ROWS = 1000
#: Pages of one batch.
BATCH_PAGES = 200
TIMEOUT_SECONDS = 30.0
#: Waits between attempts; a server's `Retry-After` is obeyed up to the longest one.
RETRY_SECONDS = (0.2, 0.8, 2.0)
LONGEST_WAIT_SECONDS = 30.0
_PAGES = pa.schema([("body", pa.string()), ("source_file", pa.string())])


class RestConnector(Indivisible):
    """One entity's endpoint."""

    stream = "rest"
    is_live = False

    def __init__(self, base_url: str, entity: Entity) -> None:
        self.entity = entity
        self.url = base_url.rstrip("/") + "/" + entity.physical_name.lstrip("/")
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def has_new(self, cursor: Cursor | None) -> bool:
        """Whether a row follows the cursor."""
        return bool(self._page(_after(cursor), 1, waits=())["data"])

    def read(self, connection: duckdb.DuckDBPyConnection, cursor: Cursor | None) -> Delivery | None:
        """The pages that follow the cursor, up to `BATCH_PAGES`."""
        after = _after(cursor)
        bodies: list[str] = []
        for _ in range(BATCH_PAGES):
            page = self._page(after, PAGE_ROWS)
            if not page["data"]:
                break
            bodies.append(page["body"])
            following = page["next"] or page.get("cursor")
            if not following or following == after:
                raise self._broken("gives rows without a new cursor, so that paging would never end")
            after = following
            if not page["next"]:
                break
        if not bodies:
            return None
        names = [self.entity.physical_name] * len(bodies)
        connection.register("rest_pages", pa.table({"body": bodies, "source_file": names}, schema=_PAGES))
        return Delivery(
            query="""select unnest(from_json(body::json->'$.data', '["JSON"]'))::varchar as line, source_file,
                    null::bigint as source_position
                from rest_pages""",
            columns=None,
            cursor={"after": after},
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _page(self, after: str, limit: int, waits: Sequence[float] = RETRY_SECONDS) -> dict[str, Any]:
        body = self._get({"after": after, "limit": str(limit)}, waits)
        try:
            page = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise self._broken("does not answer with whole JSON") from None
        if not isinstance(page, dict) or not isinstance(page.get("data"), list) or "next" not in page:
            raise self._broken("does not answer with `data` and `next`")
        return page | {"body": body.decode()}

    def _get(self, parameters: dict[str, str], waits: Sequence[float]) -> bytes:
        for wait in (*waits, None):
            try:
                response = self._client.get(self.url, params=parameters)
            except httpx.HTTPError as error:
                if wait is None:
                    raise self._broken(f"does not answer ({type(error).__name__})", UnreachableError) from None
            else:
                if response.status_code == httpx.codes.OK:
                    return response.content
                may_pass = response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error
                if wait is None or not may_pass:
                    raise self._broken(f"answers {response.status_code}")
                wait = _wait(response, wait)
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _broken(self, problem: str, kind: type[SourceError] = SourceError) -> SourceError:
        return kind(
            f"{self.entity.source}: the API at {self.url} {problem}",
            cure="start the API or make it reachable, then run again; what is landed stays landed, the cursor waits",
        )


def _after(cursor: Cursor | None) -> str:
    return str((cursor or {}).get("after", ""))


def _wait(response: httpx.Response, wait: float) -> float:
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_WAIT_SECONDS) if asked.isdigit() else wait

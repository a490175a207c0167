"""One GET after the other to one API: bounded in time, size and attempts, never to another host.

Passing trouble (429, 5xx, time-outs, an answer that is cut) is tried again after a wait, `Retry-After` obeyed; all
else is reported at once. Messages name the API without the secrets that its address may hold.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from ingestion.connectors.apis.access import Access
from ingestion.connectors.base import SourceError, UnreachableError

#: Until a connection stands, or the next bytes come.
TIMEOUT_SECONDS = 30.0
#: Until an answer is whole, however slowly it drips.
ANSWER_SECONDS = 120.0
#: A server that wants to be left alone for longer is left alone until the next run.
LONGEST_WAIT_SECONDS = 30.0
#: One page's answer; a larger one would have to be held in memory.
PAGE_BYTES = 64 << 20
_MAX_REDIRECTS = 5
_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[^\s=;,"]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))')


@dataclass(frozen=True)
class Answer:
    """A page as it came: its text, what it says, and the address it came from (without our access)."""

    url: str
    body: str
    document: Any
    next_link: str | None


class NotFound(Exception):
    """There is no such page (404)."""


class _Passing(Exception):
    """Trouble that may be over in a moment; `wait` is what the server asks for, in seconds."""

    def __init__(self, problem: str, *, wait: float | None = None, is_away: bool = False) -> None:
        super().__init__(problem)
        self.wait, self.is_away = wait, is_away


class RestClient:
    """Gets the pages of one endpoint.

    `waits` of `get` are the seconds between attempts: none means one attempt.
    """

    def __init__(self, url: str, access: Access) -> None:
        self.url = url
        self.access = access
        parts = urlsplit(url)
        self.place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)

    def get(self, url: str, parameters: Mapping[str, str], waits: Sequence[float]) -> Answer:
        """One page as JSON.

        Raises:
            NotFound: there is no such page.
            SourceError: what comes is not such a page, or does not come.
        """
        for wait in (*waits, None):
            try:
                return self._get(url, parameters)
            except _Passing as trouble:
                requested_wait = trouble.wait or 0.0
                if wait is None or requested_wait > LONGEST_WAIT_SECONDS:
                    later = (
                        f" and asks to be left alone for {requested_wait:.0f} s"
                        if requested_wait > LONGEST_WAIT_SECONDS
                        else ""
                    )
                    kind = UnreachableError if trouble.is_away else SourceError
                    raise self.broken(f"{trouble}{later}", kind) from None
                time.sleep(max(requested_wait, wait) if trouble.wait is None else requested_wait)
        raise AssertionError("the last attempt returns or raises")

    def same_origin(self, link: str, base: str) -> str:
        """A link of an answer as a whole address.

        Raises:
            SourceError: it leads to another host, to which our access must not go.
        """
        target = urljoin(base, link)
        if _origin(target) != _origin(self.url):
            raise self.broken(f"leads on to another server ({urlsplit(target).hostname}), which is not followed")
        # An address in an answer does not repeat the login that ours may hold.
        return urlsplit(target)._replace(netloc=urlsplit(self.url).netloc).geturl()

    def broken(self, problem: str, kind: type[SourceError] = SourceError, cure: str | None = None) -> SourceError:
        """The error for an API that does not do as it should."""
        return kind(
            f"{self.access.source}: the API at {self.place} {problem}",
            cure=cure
            or "start the API or make it reachable, then run again; what is landed stays landed, the cursor waits",
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _get(self, url: str, parameters: Mapping[str, str]) -> Answer:
        has_renewed = False
        for _ in range(_MAX_REDIRECTS):
            status, headers, body = self._ask(url, parameters)
            if status == httpx.codes.UNAUTHORIZED and self.access.can_renew and not has_renewed:
                self.access.forget()
                has_renewed = True
                continue
            if status in (301, 302, 303, 307, 308) and "Location" in headers:
                url, parameters = self.same_origin(headers["Location"], url), {}
                continue
            self._judge(status, headers)
            return self._answer(url, headers, body)
        raise self.broken("redirects for ever")

    def _ask(self, url: str, parameters: Mapping[str, str]) -> tuple[int, httpx.Headers, bytes]:
        """One request; its body is read only where it is one to be used, and only as far as it may go."""
        until = time.monotonic() + ANSWER_SECONDS
        access = self.access.headers(self._client)
        try:
            with self._client.stream("GET", url, params=dict(parameters) or None, headers=access) as response:
                if response.status_code != httpx.codes.OK:
                    return response.status_code, response.headers, b""
                body = bytearray()
                for block in response.iter_bytes():
                    body += block
                    if len(body) > PAGE_BYTES:
                        raise self.broken(
                            f"gives a page of more than {PAGE_BYTES >> 20} MB",
                            cure="let the contract's server ask for fewer rows at once (`pageRows`)",
                        )
                    if time.monotonic() > until:
                        raise _Passing(f"takes longer than {ANSWER_SECONDS:.0f} s for an answer")
                return response.status_code, response.headers, bytes(body)
        except httpx.HTTPError as error:
            raise _Passing(f"does not answer ({type(error).__name__})", is_away=True) from None

    def _judge(self, status: int, headers: httpx.Headers) -> None:
        if status == httpx.codes.OK:
            return
        if status == httpx.codes.NOT_FOUND:
            raise NotFound
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self.broken(f"rejects our requests (it answers {status})", cure=self.access.cure())
        if status == httpx.codes.TOO_MANY_REQUESTS or status >= 500:
            raise _Passing(f"answers {status}", wait=_retry_after(headers))
        raise self.broken(f"answers {status}")

    def _answer(self, url: str, headers: httpx.Headers, body: bytes) -> Answer:
        kind = headers.get("Content-Type", "")
        if kind and "json" not in kind.lower():
            raise self.broken(
                f"answers {kind.partition(';')[0][:60]!r}, not JSON",
                cure="see in a browser what stands there: a login or an error page, or another address is meant",
            )
        try:
            document = orjson.loads(body)
            text = body.decode()
        except (orjson.JSONDecodeError, UnicodeDecodeError):
            raise _Passing("does not answer with whole JSON") from None
        return Answer(url, body=text, document=document, next_link=_next_link(headers))


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that a server asks us to wait, as a number or until a date; None where it asks nothing."""
    retry_after = headers.get("Retry-After", "").strip()
    if retry_after.isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.fromtimestamp(time.time(), UTC)
        return max(0.0, float((until - now).total_seconds()))
    except (ValueError, TypeError):
        return None


def _next_link(headers: httpx.Headers) -> str | None:
    """The target of the `Link` header whose relation is `next` (RFC 8288); httpx's own reading cuts targets at `;`."""
    for target, parameters in _LINK.findall(headers.get("Link", "")):
        for name, quoted, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel" and "next" in (quoted or bare).lower().split():
                return str(target)
    return None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)

"""Who is answered, in which language, and what every answer carries. Pure ASGI, around every page of the product.

The pages have no log-in. They listen on loopback (`web.loopback`). They answer to loopback's names alone (a foreign
name that was pointed at 127.0.0.1 is DNS rebinding), and only to the account that started them, as the kernel knows who
holds the other end. What is asked by POST must come from their own pages. HEAD is answered as GET without a body.
"""

import logging
import os
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from contracts.loopback import is_loopback
from web.language import COOKIE, LANGUAGES, QUERY, Texts, choose, cookie_of, switch_address, texts
from web.socket_owner import name_of, owner_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

#: No script and no style but our own files; nothing from outside; nobody may frame the page or keep it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
}
_SAFE = ("GET", "HEAD")


class Guard:
    """Rejects what does not come from this machine's own browser, and sends `HEADERS` with every answer.

    The application finds in its scope's `state`: `viewer`, the account that asks; `texts`, those of the reader's
    language; `switch`, language -> the address of the same page in it.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        spoken, remember = _language(scope, headers)
        extra = [
            *_RAW_HEADERS,
            (b"content-language", spoken.tag.encode()),
            (b"vary", b"Accept-Language, Cookie"),
            *([(b"set-cookie", cookie_of(spoken.language).encode())] if remember else []),
        ]
        is_head = scope["method"] == "HEAD"
        is_begun = False

        async def guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                own_headers = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in extra if header[0] not in own_headers),
                ]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        problem = _problem(scope, headers)
        if problem is not None:
            await _answer(guarded, *problem)
            return
        try:
            await self.app({**scope, "method": "GET"} if is_head else scope, receive, guarded)
        except Exception as error:
            _log_place(error)
            if not is_begun:
                await _answer(guarded, 500, "shared.guard_broken")


_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


def _language(scope: Scope, headers: dict[str, str]) -> tuple[Texts, bool]:
    """The texts of the reader's language, and whether to remember it: where the address itself asks for one."""
    query = scope.get("query_string", b"").decode("latin-1")
    requested = parse_qs(query).get(QUERY, [""])[-1]
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        cookies = SimpleCookie()
    remembered = cookies[COOKIE].value if COOKIE in cookies else None
    spoken = texts(choose(requested, remembered, headers.get("accept-language", "")))
    state = scope.setdefault("state", {})
    state["texts"] = spoken
    # What somebody typed is in the body of a POST: its answer is not repeated in another language, the first page is.
    path, same = (scope["path"], query) if scope["method"] in _SAFE else ("/", "")
    state["switch"] = {code: switch_address(path, same, code) for code in LANGUAGES}
    return spoken, requested in LANGUAGES


def _problem(scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
    """Why a request is not answered (status, key of a text); None where it is, and `state.viewer` names who asks."""
    host = headers.get("host", "")
    if not _is_ours(host):
        return 421, "shared.guard_host"
    owner = owner_of(scope["client"], scope["server"]) if scope["client"] else None
    if owner not in (None, 0, os.getuid()):
        return 403, "shared.guard_account"
    scope["state"]["viewer"] = name_of(os.getuid() if owner is None else owner)
    if scope["method"] in _SAFE or _is_from_here(headers, host):
        return None
    return 403, "shared.guard_origin"


def _is_ours(host: str) -> bool:
    """Whether a Host header names loopback. Its port may be a tunnel's."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name)


def _is_from_here(headers: dict[str, str], host: str) -> bool:
    """Whether a POST comes from our own page. Under `no-referrer` a browser sends `Origin: null` even to ourselves."""
    origin = headers.get("origin", "null")
    if origin != "null":
        return origin == f"http://{host}"
    return headers.get("sec-fetch-site") == "same-origin"


def _log_place(error: Exception) -> None:
    """The kind and the place; never the message, in which an engine may quote a person's value."""
    places = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{place.filename.rpartition('/')[2]}:{place.lineno}" for place in reversed(places[-4:]))
    log.error("%s at %s", type(error).__name__, where)


async def _answer(send: Send, status: int, key: str) -> None:
    """A plain answer in every language: before the guard is passed nothing of the request is trusted."""
    account = name_of(os.getuid())
    body = "\n".join(texts(code).plain(key, account=account) for code in LANGUAGES).encode()
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": plain})
    await send({"type": "http.response.body", "body": body})

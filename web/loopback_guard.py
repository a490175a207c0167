"""Who is answered, and what every answer carries. Pure ASGI, around the whole application.

The page has no log-in. What keeps others out is that it listens on loopback, that it answers to loopback's names alone
(a foreign name that was pointed at 127.0.0.1 is DNS rebinding), only to the account that started it, as the kernel
knows who holds the other end, and that what is asked by POST comes from its own pages.
"""

import ipaddress
import logging
import os
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from contracts.errors import LakeError
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


class HostError(LakeError):
    """The page may not listen where it was told to."""

    exit_code = 2


def loopback(host: str) -> str:
    """The loopback address to listen on.

    Raises:
        HostError: the host is not a loopback address.
    """
    address = _address("127.0.0.1" if host == "localhost" else host)
    if address is None or not address.is_loopback:
        raise HostError(
            f"refused to listen on {host}: the page shows names, telephone numbers and addresses, and there are no"
            " log-ins and no roles yet that would say who may see them",
            cure="keep 127.0.0.1 (or ::1) and reach it through a tunnel: ssh -L 8090:127.0.0.1:8090 <this machine>",
        )
    return str(address)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class Guard:
    """Refuses what does not come from this machine's own browser, and sends `HEADERS` with every answer."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_begun = False

        async def guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in _RAW_HEADERS if h[0] not in there)]
            await send(message)

        refusal = _refusal(scope)
        if refusal is not None:
            await _answer(guarded, *refusal)
            return
        try:
            await self.app(scope, receive, guarded)
        except Exception as error:
            _note(error)
            if not is_begun:
                await _answer(guarded, 500, "Something went wrong here. Its kind and place are in the server's log.")


_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """Why a request is not answered, None where it is; then `state.viewer` names who asks."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    host = headers.get("host", "")
    if not _is_ours(host):
        return 421, "This page answers to 127.0.0.1, [::1] and localhost only."
    owner = owner_of(scope["client"], scope["server"]) if scope["client"] else None
    if owner not in (None, 0, os.getuid()):
        return 403, f"This page is for the account that started it, {name_of(os.getuid())}. Start your own: lake up"
    scope.setdefault("state", {})["viewer"] = name_of(os.getuid() if owner is None else owner)
    if scope["method"] in _SAFE or _is_from_here(headers, host):
        return None
    return 403, "This was not asked from a page of this server: open the page itself and ask there."


def _is_ours(host: str) -> bool:
    """Whether a Host header names loopback. Its port may be a tunnel's."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    address = _address(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def _is_from_here(headers: dict[str, str], host: str) -> bool:
    """Whether a POST comes from our own page. Under `no-referrer` a browser sends `Origin: null` even to ourselves."""
    origin = headers.get("origin", "null")
    if origin != "null":
        return origin == f"http://{host}"
    return headers.get("sec-fetch-site") == "same-origin"


def _note(error: Exception) -> None:
    """The kind and the place; never the message, in which an engine may quote a person's value."""
    places = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{place.filename.rpartition('/')[2]}:{place.lineno}" for place in reversed(places[-4:]))
    log.error("%s at %s", type(error).__name__, where)


async def _answer(send: Send, status: int, text: str) -> None:
    body = text.encode()
    plain = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": plain})
    await send({"type": "http.response.body", "body": body})

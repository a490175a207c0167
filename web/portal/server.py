"""Serves the quality portal's pages, and nothing else of the lake, on loopback behind the guard of all pages.

GET  /                    the page in the reader's language
GET  /assets/<file>, /health
Every address takes ?lang=en or ?lang=zh.
"""

import html
import re
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from web import pages
from web.language import LANGUAGES, switch_address
from web.loopback_guard import Guard
from web.portal.render import file_name, portal_path
from web.serving import LoopbackServer

_TEMPLATES = Path(__file__).parent / "templates"
_BAR = re.compile("<!--product-->.*?<!--/product-->", re.DOTALL)
_POLICY = re.compile('http-equiv="Content-Security-Policy" content="([^"]*)"')


def make_app() -> Guard:
    """The application, guarded."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/", portal, methods=["GET"])
    for language in LANGUAGES:
        app.add_api_route(f"/{file_name(language)}", _in_language(language), methods=["GET"])
    app.add_api_route("/health", health, methods=["GET"])
    pages.add_assets(app)
    app.add_exception_handler(HTTPException, _problem_page)
    return Guard(app)


def portal(request: Request) -> Response:
    """The page as it was built last, with the navigation as it is now."""
    path = portal_path().with_name(file_name(request.state.texts.language))
    if not path.exists():
        return _page(request, "not_built", 404)
    text = path.read_text(encoding="utf-8")
    policy = _POLICY.search(text)
    headers = {"Cache-Control": "no-cache"}  # a page built anew is seen at the next load
    if policy:
        headers["Content-Security-Policy"] = f"{html.unescape(policy[1])}; frame-ancestors 'none'"
    bar = pages.request_bar("portal", request)
    return HTMLResponse(_BAR.sub(lambda _: f"<!--product-->{bar}<!--/product-->", text, count=1), headers=headers)


def health() -> Response:
    """Whether the server answers."""
    return PlainTextResponse("well")


def portal_server(*, host: str = "127.0.0.1", port: int = 0) -> LoopbackServer:
    """A server that is bound but does not serve yet; port 0 takes a free one.

    Raises:
        HostError: the host is not a loopback address.
        PortTakenError: something else listens there.
    """
    return LoopbackServer(make_app(), host=host, port=port, what="portal")


def _in_language(language: str) -> Callable[[], Response]:
    """A page's file by its name, as the copies on disk link to it: it leads to the page in that language."""

    def lead() -> Response:
        return RedirectResponse(switch_address("/", "", language), status_code=303)

    return lead


def _problem_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _page(request, "not_found", status)


def _page(request: Request, problem: str, status: int) -> Response:
    env = pages.environment(_TEMPLATES, request.state.texts.language)
    bar = pages.request_bar("portal", request)
    text = env.get_template("problem.html.j2").render(product_bar=bar, problem=problem)
    return HTMLResponse(text, status_code=status)

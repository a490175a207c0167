"""The addresses of the page. A value that somebody types is only ever in the body of a POST, never in an address.

GET  /                          search, last changes
POST /find                      -> /person/<id>, a choice of several, or what to do
GET  /person/<id>               the file; ?source, ?page, ?span of the journey, ?day of the past
GET  /person/<id>/journey       the journey alone, for the page to put in place of the one it shows
GET  /person/<id>/ties          how the ties of the records add up; with ?part=1 alone, for the page to put in
GET  /assets/<file>, /health
Every address takes ?lang=en or ?lang=zh.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from contracts.errors import LakeError
from governance import access_log
from lake import clock
from persons.journey import read_journey
from persons.lookup import UnknownPersonError, find_person
from persons.overview import read_overview
from persons.person_file import View, read_person_file
from persons.reading import reader
from persons.records import read_records
from persons.search import Choice, NoPerson, search_person
from web import pages
from web.language import LANGUAGES
from web.loopback_guard import Guard
from web.person.journey_picture import draw
from web.person.why import LINE, REACH, read_why
from web.person.words import environment

MAX_FORM_BYTES = 4096
_HERE = Path(__file__).parent
_ASSETS = {
    "person.css": (pages.STYLE / "person.css", "text/css"),
    "page.js": (_HERE / "page.js", "text/javascript"),
}
_templates = {language: environment(language) for language in LANGUAGES}

Source = Annotated[str | None, Query(max_length=80)]
Number = Annotated[int, Query(alias="page", ge=1, le=1_000_000)]
Span = Annotated[str | None, Query(max_length=10)]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with access_log.flushing():
        yield


def make_app() -> Guard:
    """The application, guarded."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.add_api_route("/", front, methods=["GET"])
    app.add_api_route("/find", find, methods=["POST"])
    app.add_api_route("/person/{person_id}", person, methods=["GET"])
    app.add_api_route("/person/{person_id}/journey", journey, methods=["GET"])
    app.add_api_route("/person/{person_id}/ties", ties, methods=["GET"])
    pages.add_assets(app, _ASSETS)
    app.add_api_route("/health", health, methods=["GET"])
    app.add_exception_handler(HTTPException, _problem_page)
    app.add_exception_handler(RequestValidationError, _problem_page)
    app.add_exception_handler(LakeError, _unreadable_page)
    app.add_exception_handler(Exception, _broken_page)
    return Guard(app)


def front(request: Request) -> Response:
    """Search, and what changed last."""
    return _front(request)


async def find(request: Request) -> Response:
    """Leads to the person whose id, e-mail address or telephone number is in the form."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413)
    typed = parse_qs(body.decode("utf-8", "replace")).get("who", [""])[0]
    return await run_in_threadpool(_find, request, typed)


def _find(request: Request, typed: str) -> Response:
    with reader() as con:
        outcome = search_person(con, typed)
    if isinstance(outcome, str):
        return RedirectResponse(f"/person/{outcome}", status_code=303)
    if isinstance(outcome, Choice):
        for one in outcome.persons:
            access_log.note(one["person_id"], "choice", request.state.viewer)
    return _front(request, typed, outcome)


def _front(request: Request, typed: str = "", outcome: Choice | NoPerson | None = None) -> Response:
    with reader() as con:
        overview = read_overview(con)
    choice = outcome if isinstance(outcome, Choice) else None
    problem = outcome.reason if isinstance(outcome, NoPerson) else None
    status = 404 if problem else 200
    return _page(request, "front.html.j2", status, overview=overview, typed=typed, choice=choice, problem=problem)


def person(
    request: Request,
    person_id: str,
    source: Source = None,
    page: Number = 1,
    span: Span = None,
    day: date | None = None,
) -> Response:
    """One person's file."""
    known_id = _known(person_id)
    access_log.note(known_id, f"as_of:{day}" if day else "file", request.state.viewer)
    view = View(source=source, number=page, span=span, day=day)
    file = read_person_file(known_id, view, asked_for=person_id)
    picture = draw(file.journey.hours, span)
    return _page(request, "person.html.j2", person=file, picture=picture, view=view, today=clock.today())


def journey(request: Request, person_id: str, source: Source = None, page: Number = 1, span: Span = None) -> Response:
    """The journey of a person alone."""
    known_id = _known(person_id)
    access_log.note(known_id, "journey", request.state.viewer)
    with reader() as con:
        read = read_journey(con, known_id, source=source, number=page)
    return _page(request, "journey.html.j2", person_id=known_id, picture=draw(read.hours, span), page=read.page)


def ties(request: Request, person_id: str, part: bool = False) -> Response:
    """The ties of a person, each with its waterfall."""
    known_id = _known(person_id)
    access_log.note(known_id, "explanation", request.state.viewer)
    with reader() as con:
        why = read_why(known_id, read_records(con, known_id))
    template = "ties_part.html.j2" if part else "ties.html.j2"
    return _page(request, template, person_id=known_id, why=why, line=LINE, reach=REACH)


def health() -> Response:
    """Whether the server answers; it looks at nobody."""
    return PlainTextResponse("well")


def _known(person_id: str) -> str:
    try:
        with reader() as con:
            return find_person(person_id=person_id, con=con)
    except UnknownPersonError:
        raise HTTPException(404) from None


def _page(request: Request, template: str, status: int = 200, **shown: Any) -> Response:
    language = request.state.texts.language
    bar = pages.request_bar("person", request)
    text = _templates[language].get_template(template).render(product_bar=bar, **shown)
    return HTMLResponse(text, status_code=status)


def _problem_page(request: Request, error: Exception) -> Response:
    """A page that shows what is wrong and how to go on, with the search; the address is not repeated."""
    status = error.status_code if isinstance(error, HTTPException) else 422
    problem = status if request.state.texts.has(f"person.problem_{status}") else 404
    return _page(request, "refused.html.j2", status, problem=problem, parts={})


def _unreadable_page(request: Request, error: Exception) -> Response:
    """The lake cannot be read as it is; its errors name the cure and no values."""
    if not isinstance(error, LakeError):
        raise error
    parts = {"error": str(error.args[0]), "cure": error.cure}
    return _page(request, "refused.html.j2", 503, problem=503, parts=parts)


def _broken_page(request: Request, error: Exception) -> Response:
    """Our own mistake. The guard writes its kind and place to the log."""
    return _page(request, "refused.html.j2", 500, problem=500, parts={})

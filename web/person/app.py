"""The addresses of the page. A value that somebody types is only ever in the body of a POST, never in an address.

GET  /                          search, last changes
POST /find                      -> /person/<id>, a choice of several, or what to do
GET  /person/<id>               the file; ?source, ?page, ?span of the journey, ?day of the past
GET  /person/<id>/journey       the journey alone, for the page to put in place of the one it shows
GET  /person/<id>/ties          how the ties of the records add up; with ?part=1 alone, for the page to put in
GET  /assets/<file>, /health
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from importlib.resources import files
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
from web.loopback_guard import Guard
from web.person.journey_picture import draw
from web.person.why import LINE, REACH, read_why
from web.person.words import NO_PERSON, environment

LONGEST_FORM = 4096
#: The portal's style sheet comes first: the pages of one product look alike. Ours adds what a person's page needs.
ASSETS = {
    "product.css": (Path(str(files("expectations"))) / "templates" / "portal.css", "text/css"),
    "page.css": (Path(__file__).parent / "assets" / "page.css", "text/css"),
    "page.js": (Path(__file__).parent / "assets" / "page.js", "text/javascript"),
    "icon.svg": (Path(__file__).parent / "assets" / "icon.svg", "image/svg+xml"),
}
_templates = environment()

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
    app.add_api_route("/assets/{name}", asset, methods=["GET"])
    app.add_api_route("/health", health, methods=["GET"])
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(LakeError, _failed)
    app.add_exception_handler(Exception, _broken)
    return Guard(app)


def front() -> Response:
    """Search, and what changed last."""
    return _front()


async def find(request: Request) -> Response:
    """Leads to the person whose id, e-mail address or telephone number is in the form."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
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
    return _front(typed, outcome)


def _front(typed: str = "", outcome: Choice | NoPerson | None = None) -> Response:
    with reader() as con:
        overview = read_overview(con)
    choice = outcome if isinstance(outcome, Choice) else None
    problem = NO_PERSON[outcome.reason] if isinstance(outcome, NoPerson) else None
    status = 404 if problem else 200
    return _page("front.html.j2", status, overview=overview, typed=typed, choice=choice, problem=problem)


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
    return _page("person.html.j2", person=file, picture=picture, view=view, today=clock.today())


def journey(request: Request, person_id: str, source: Source = None, page: Number = 1, span: Span = None) -> Response:
    """The journey of a person alone."""
    known_id = _known(person_id)
    access_log.note(known_id, "journey", request.state.viewer)
    with reader() as con:
        read = read_journey(con, known_id, source=source, number=page)
    return _page("journey.html.j2", person_id=known_id, picture=draw(read.hours, span), page=read.page)


def ties(request: Request, person_id: str, part: bool = False) -> Response:
    """The ties of a person, each with its waterfall."""
    known_id = _known(person_id)
    access_log.note(known_id, "explanation", request.state.viewer)
    with reader() as con:
        why = read_why(known_id, read_records(con, known_id))
    template = "ties_part.html.j2" if part else "ties.html.j2"
    return _page(template, person_id=known_id, why=why, line=LINE, reach=REACH)


def asset(name: str) -> Response:
    """A style sheet, a script or the icon: files of ours, by name."""
    if name not in ASSETS:
        raise HTTPException(404)
    path, kind = ASSETS[name]
    return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})


def health() -> Response:
    """Whether the server answers; it looks at nobody."""
    return PlainTextResponse("well")


def _known(person_id: str) -> str:
    try:
        with reader() as con:
            return find_person(person_id=person_id, con=con)
    except UnknownPersonError:
        raise HTTPException(404) from None


def _page(template: str, status: int = 200, **shown: Any) -> Response:
    return HTMLResponse(_templates.get_template(template).render(**shown), status_code=status)


_PROBLEMS = {
    404: ("There is nothing here", "Nobody in this lake has that id, or the address is wrong. Search again below."),
    405: ("That cannot be done here", "Search again below."),
    413: ("That is too long", "An id, an e-mail address or a telephone number has at most 320 characters."),
    422: ("The address is not understood", "A page is a number, a day is written 2026-07-01. Search again below."),
}


def _refused(request: Request, error: Exception) -> Response:
    """A page that says what is wrong and how to go on, with the search; the address is not repeated."""
    status = error.status_code if isinstance(error, HTTPException) else 422
    return _page("refused.html.j2", status, problem=_PROBLEMS.get(status, _PROBLEMS[404]))


def _failed(request: Request, error: Exception) -> Response:
    """The lake cannot be read as it is; its errors name the cure and no values."""
    if not isinstance(error, LakeError):
        raise error
    return _page("refused.html.j2", 503, problem=(str(error.args[0]), error.cure))


def _broken(request: Request, error: Exception) -> Response:
    """Our own mistake. The guard writes its kind and place to the log."""
    reason = "Something went wrong here"
    cure = "Try again; if it stays, tell the data platform team. Kind and place are in the server's log."
    return _page("refused.html.j2", 500, problem=(reason, cure))

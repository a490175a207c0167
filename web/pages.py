"""What all pages of the product share: the frame (`templates/base.html.j2`), one style sheet, one navigation.

A page of its own room adds its templates and, where it needs one, a style sheet besides `style/product.css`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from contracts.settings import load_settings
from web.language import LANGUAGES, texts
from web.loopback import host_in_url, is_listening
from web.writing import Writing

STYLE = Path(__file__).parent / "style"
_TEMPLATES = Path(__file__).parent / "templates"
#: Files that every page may load, by name.
ASSETS = {
    "product.css": (STYLE / "product.css", "text/css"),
    "icon.svg": (STYLE / "icon.svg", "image/svg+xml"),
}
#: Every page of the product in the order of the navigation: the name of its port's setting, and where it begins. The
#: feature server's own description is JSON: its interactive page would load its scripts from outside.
PAGES = {"dagster": "/", "portal": "/", "person": "/", "feast": "/openapi.json"}


@dataclass(frozen=True)
class PageLink:
    """A page of the product in the navigation; `is_here` marks the one that is shown."""

    name: str
    address: str
    is_here: bool


def navigation(
    here: str, *, here_address: str = "/", host: str = "127.0.0.1", only_running: bool = True
) -> list[PageLink]:
    """Links to all pages of the product.

    Args:
        here: the page that is shown; a name of `PAGES`. `here_address`: where it begins.
        host: the loopback name by which the reader reached it.
        only_running: leave out pages on whose port nothing listens now.
    """
    settings = load_settings()
    links = []
    for name, path in PAGES.items():
        port = getattr(settings, f"port_{name}")
        if name == here:
            links.append(PageLink(name, here_address, is_here=True))
        elif not only_running or is_listening("127.0.0.1" if host == "localhost" else host, port):
            links.append(PageLink(name, f"http://{host_in_url(host)}:{port}{path}", is_here=False))
    return links


def environment(folder: Path, language: str) -> Environment:
    """The templates of a room and of all pages, in a language, with everything escaped."""
    templates = Environment(
        loader=FileSystemLoader([folder, _TEMPLATES]),
        autoescape=lambda name: name is not None and not name.endswith((".css", ".js")),
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    spoken = texts(language)
    templates.filters.update(Writing(spoken).filters())
    templates.globals.update(t=spoken, languages=LANGUAGES)
    return templates


def product_bar(here: str, language: str, *, switch: Mapping[str, str], **options: Any) -> Markup:
    """The navigation and the language switch as HTML: the part of the frame that depends on what runs now.

    Args:
        switch: language -> the address of the same page in it.
        options: those of `navigation`.
    """
    template = environment(_TEMPLATES, language).get_template("product_bar.html.j2")
    return Markup(template.render(links=navigation(here, **options), switch=switch))


def request_bar(here: str, request: Request) -> Markup:
    """The bar of a page that is served, as `product_bar`."""
    state = request.state
    host = request.url.hostname or "127.0.0.1"
    return product_bar(here, state.texts.language, switch=state.switch, host=host)


def add_assets(app: FastAPI, more: Mapping[str, tuple[Path, str]] | None = None) -> None:
    """Serve the shared files, and those of a room, below `/assets/`: by name, never by path."""
    assets = {**ASSETS, **(more or {})}

    def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        path, kind = assets[name]
        return Response(path.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})

    app.add_api_route("/assets/{name}", asset, methods=["GET"])

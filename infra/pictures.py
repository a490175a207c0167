"""The pictures of the front pages, made anew from the demo lake: `make pictures`.

They show names and numbers, so only people who are made up may be in them: a lake without a simulated company behind it
is rejected. The screens are those of `lake up`, started for the time of the pictures and stopped again.
"""

import io
import re
import shutil
import sys
from html import unescape
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.cells import cell_len
from rich.console import Console

from contracts.catalogue.tables import PERSON_PROFILE
from contracts.errors import LakeError
from contracts.settings import PROJECT_ROOT, load_settings

FOLDER = PROJECT_ROOT / "docs" / "images"
_HOST = "127.0.0.1"
_WIDTH, _HEIGHT = 1280, 1330
_PATIENCE_MS = 120_000
_CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


class PicturesError(LakeError):
    """The pictures cannot be made from this lake."""

    exit_code = 2


def make_pictures(folder: Path = FOLDER) -> list[Path]:
    """Write all pictures; returns their paths.

    Raises:
        PicturesError: the lake holds no simulated people, or has not been run.
    """
    person_id = _somebody()
    written = [profile_picture(person_id, folder / "lake-profile.svg")]
    from cli.machine.servers import check_ports, serving

    check_ports(_HOST)
    with serving(_HOST, report=lambda text: print(f"  {text}", flush=True)) as urls, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_CHROMIUM_FLAGS)
        try:
            graph = _open(browser, f"{urls['dagster']}/asset-groups", width=1500, height=1450)
            graph.get_by_text("serving", exact=True).first.wait_for(timeout=_PATIENCE_MS)
            graph.wait_for_timeout(3000)  # the graph is laid out after its names are there
            written.append(_shot(graph, folder / "dagster-graph.png"))
            portal = _open(browser, urls["portal"], width=_WIDTH, height=_HEIGHT)
            written.append(_shot(portal, folder / "quality.png"))
            person = _open(browser, f"{urls['person']}/person/{person_id}", width=_WIDTH, height=1967)
            written.append(_shot(person, folder / "person-page.png"))
        finally:
            browser.close()
    return written


def profile_picture(person_id: str, path: Path, *, width: int = 120) -> Path:
    """Draw what `lake profile` shows of a person as SVG, `width` columns wide; returns the path."""
    from cli._person_screen import draw
    from persons.profile import read_profile

    console = Console(width=width, record=True, file=io.StringIO(), highlight=False)
    draw(read_profile(person_id), console)
    # Rich would have the picture fetch its font from the web.
    without_font = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    svg = console.export_svg(title=f"lake profile {person_id}", code_format=without_font)

    def widened(match: re.Match[str]) -> str:
        text = unescape(match[3])
        return f'textLength="{float(match[1]) * cell_len(text) / len(text):.1f}"{match[2]}>{match[3]}</text>'

    # Rich gives Chinese letters the width of Latin ones, half of theirs.
    svg = re.sub(r'textLength="([0-9.]+)"([^>]*)>([^<]+)</text>', widened, svg)
    path.write_text(svg, encoding="utf-8")
    return path


def _somebody() -> str:
    """The simulated person whom most systems know."""
    from lake.sql.connections import connect
    from lake.tables import scan, table_exists

    if not (load_settings().sources_root / "truth" / "world.json").exists():
        raise PicturesError("this lake holds no simulated company", cure="make one: make demo")
    if not table_exists(PERSON_PROFILE):
        raise PicturesError("this lake has not been run", cure="run it: lake run")
    best_known = "sources_count desc, events_count desc, person_id"
    with connect() as connection:
        query = f"select person_id from {scan(PERSON_PROFILE)} order by {best_known} limit 1"
        return str(connection.execute(query).fetchall()[0][0])


def _open(browser: Browser, url: str, *, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height}, locale="en")
    page.goto(url)
    return page


def _shot(page: Page, path: Path) -> Path:
    page.screenshot(path=str(path))
    page.close()
    return path


if __name__ == "__main__":
    try:
        for picture in make_pictures():
            print(picture.relative_to(PROJECT_ROOT))
    except LakeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)

"""The person page in headless Chromium: it reads well, keyboard and telephone included, and calls nobody."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.contrast import CONTRAST
from tests.integration import person_lake
from tests.integration.person_lake import BUSY, HOSTILE, MEI, TWIN, Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("persons") / "home"
    with person_lake.lake_at(home):
        person_lake.make()
    with person_lake.served(home) as page:
        yield page


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page on the server; a complaint in the console or a request to anywhere else fails the test."""
    opened = browser.new_page(base_url=served.url, viewport={"width": 1440, "height": 900})
    complaints: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    opened.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(f"{served.url}/")] == []


def test_person_is_found_by_typing_and_the_address_holds_no_value(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_label("A person’s id")).to_be_focused()
    page.keyboard.type(person_lake.MEI_EMAIL)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/person/{MEI}")
    expect(page.locator("h1")).to_contain_text("陈梅")
    expect(page.locator("h1")).to_contain_text("Mei Chen")


def test_shared_address_lets_one_choose(page: Page) -> None:
    page.goto("/")
    page.get_by_label("A person’s id").fill(person_lake.SHARED_EMAIL)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Lan Chen").click()
    page.wait_for_url(f"**/person/{TWIN}")


def test_journey_is_filtered_and_paged_without_leaving_the_file(page: Page) -> None:
    page.goto(f"/person/{BUSY}")
    rows = page.locator("table.events tbody tr")
    assert rows.count() == 25
    first = rows.first.inner_text()
    page.get_by_role("link", name="Older").first.click()
    expect(page.get_by_text("Page 2 of").first).to_be_visible()
    assert rows.first.inner_text() != first
    page.locator("a.lane-name", has_text="devices").click()
    expect(page.get_by_role("heading", name="Events of devices")).to_be_visible()
    assert {row.split("\t")[1].strip() for row in rows.all_inner_texts()} == {"devices"}
    assert page.evaluate("document.activeElement.dataset.key") == "lane-devices", "the keyboard stays where it was"
    expect(page.locator("#journey-said")).to_contain_text("Events of devices")
    assert "source=devices" in page.url
    page.reload()
    expect(page.get_by_role("heading", name="Events of devices")).to_be_visible()
    page.get_by_role("link", name="Show all systems").click()
    expect(page.get_by_role("heading", name="All events")).to_be_visible()


def test_lanes_show_every_system_and_say_what_happened(page: Page) -> None:
    page.goto(f"/person/{MEI}")
    lanes = page.locator(".lane-picture")
    assert lanes.count() == 4
    assert "13 events from" in (lanes.first.get_attribute("aria-label") or "")
    assert page.locator(".lane-picture rect.t").count() > 5
    assert "complaint made" in page.locator(".lane-picture title").first.text_content()
    boxes = [box for bar in page.locator(".lane-picture rect").all() if (box := bar.bounding_box())]
    frame = page.locator(".lanes").bounding_box()
    assert frame
    assert all(frame["x"] <= b["x"] and b["x"] + b["width"] <= frame["x"] + frame["width"] + 1 for b in boxes)


def test_ties_are_worked_out_when_somebody_opens_them(page: Page) -> None:
    page.goto(f"/person/{MEI}")
    assert page.locator(".fall:visible").count() == 0
    page.get_by_text("How the ties add up").click()
    expect(page.locator(".ties .fall").first).to_be_visible(timeout=60_000)  # the matcher's first import
    expect(page.locator(".ties .fall").first).to_contain_text("all together")
    assert page.locator(".arcs path.needed").count() >= 1


def test_past_day_is_chosen_in_a_form(page: Page) -> None:
    page.goto(f"/person/{MEI}")
    page.get_by_label("As of the end of").fill("2026-05-09")
    page.get_by_role("button", name="Show").click()
    said = page.get_by_role("status").filter(has_text="the file held")
    expect(said).to_contain_text("held 3 records")
    expect(said).to_contain_text("was part of")


def test_hostile_values_stay_values(page: Page) -> None:
    page.goto(f"/person/{HOSTILE}")
    assert page.title().startswith("<script>"), "the name is the title, as text"
    assert page.locator("main script, main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_in_light_and_dark(browser: Browser, served: Served, scheme: str) -> None:
    opened = browser.new_page(base_url=served.url, color_scheme="dark" if scheme == "dark" else "light")
    for path in ("/", f"/person/{MEI}?day=2026-05-09", f"/person/{HOSTILE}", "/person/p_nobody"):
        opened.goto(path)
        opened.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        ground = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(14, 20, 26)") == (scheme == "dark")
        assert opened.evaluate(CONTRAST) == []
    opened.close()


def test_page_is_plain_to_a_screen_reader_and_a_keyboard(page: Page) -> None:
    for path in ("/", f"/person/{MEI}?day=2026-05-09"):
        page.goto(path)
        levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), "a level is skipped"
        assert page.locator("table").count() == page.locator("table:has(thead th[scope=col])").count()
        assert page.locator("th:not([scope])").count() == 0
        assert page.locator("main svg:not([aria-hidden]):not([aria-label]):not([aria-hidden] svg)").count() == 0
        assert page.locator("html[lang=en]").count() == 1
        assert page.locator("input").evaluate_all("all => all.every(one => one.labels.length)")
        assert page.locator("[id]").evaluate_all("all => new Set(all.map(e => e.id)).size === all.length")
        page.locator("body").press("Tab")
    page.goto(f"/person/{MEI}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"


@pytest.mark.parametrize("width", [390, 1440])
def test_page_fits_a_telephone_and_a_desk(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/", f"/person/{MEI}?day=2026-05-09", f"/person/{BUSY}"):
        page.goto(path)
        page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        picture = page.screenshot(full_page=True)
        assert len(picture) > 20_000


def test_page_is_whole_without_scripts(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=served.url)
    opened = context.new_page()
    opened.goto(f"/person/{BUSY}")
    opened.get_by_role("link", name="Older").first.click()
    expect(opened.get_by_text("Page 2 of").first).to_be_visible()
    expect(opened.locator("h1")).to_contain_text("Wei Busy")
    context.close()

"""The quality page in headless Chromium: it reads well, it can be searched, it is accessible, it calls nobody."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from expectations.check import CheckResult
from expectations.history import append
from lake.writer import overwrite
from tests.browser.contrast import CONTRAST
from tests.contract_rows import NOW
from tests.declared_tables import declared_rows
from tests.integration import quality_lake
from tests.lake_context import lake_settings, opened
from web.portal import render

FIGURES = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high")
COUNTS = ("run", "labelled_pairs", "persons", "open_reviews")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a lake in which some promises are kept and some are not."""
    home = tmp_path_factory.mktemp("page")
    with opened(lake_settings(home, now=NOW)):
        quality_lake.make()
        quality_lake.plant()
        append([_result("bronze/crm/customers", "gender", "block", passed=True)])
        append(
            [
                _result("bronze/crm/customers", "gender", "block", passed=False),
                _result("bronze/crm/customers", "status", "block", passed=True),
                _result("bronze/orders/orders", None, "warn", passed=False),
                _result("marts/person_profile", None, "block", passed=True),
            ]
        )
        overwrite("ops/identity_quality", declared_rows("ops/identity_quality", _linkage()))
        yield render.build().as_uri()


def _linkage() -> list[dict[str, Any]]:
    """Figures of three runs: before any label, a good one, and one that was stopped."""
    shares = (None, 1.0, 0.5)
    return [
        dict.fromkeys(FIGURES, share) | dict.fromkeys(COUNTS, 40 * number)
        | {"state": "blocked" if share == 0.5 else "passed", "group_name": name, "group_value": value,
           "measured_id": str(number), "ran_at": NOW + timedelta(days=number)}
        for number, share in enumerate(shares)
        for name, value in (("all", "all"), ("script", "Han"), ("script", None))
    ]  # fmt: skip


def _result(table: str, column: str | None, severity: str, *, passed: bool) -> CheckResult:
    return CheckResult(
        layer=table.partition("/")[0], table=table, column=column, name="is_a_known_value",
        severity="block" if severity == "block" else "warn", passed=passed, observed="0 rows" if passed else "3 rows",
        expected="one of: F, M, X", message="", cure="ask the owner; then `lake run`", measured=0 if passed else 3,
    )  # fmt: skip


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    opened = browser.new_page()
    opened.goto(address)
    yield opened
    opened.close()


def test_page_opens_without_a_complaint_and_calls_nobody(browser: Browser, address: str) -> None:
    complaints: list[str] = []
    asked: list[str] = []

    def console(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    def request(made: Request) -> None:
        asked.append(made.url)

    opened = browser.new_page()
    opened.on("console", console)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", request)
    opened.goto(address)
    assert "Data quality" in opened.title()
    assert opened.locator("h1").inner_text().startswith("1 problem stops publication")
    assert not complaints
    assert {url for url in asked if not url.startswith("data:")} == {address}
    opened.close()


def test_what_fails_is_shown_first_and_leads_to_its_table(page: Page) -> None:
    problems = page.locator(".problem")
    assert problems.count() == 2
    assert "Stops publication" in problems.nth(0).inner_text()
    assert "3 rows" in problems.nth(0).inner_text()
    assert "Head of Sales Operations" in problems.nth(0).inner_text()
    page.locator("details.table").evaluate_all("all => all.forEach(one => one.open = false)")
    problems.nth(1).get_by_role("link").click()
    orders = page.locator("#table-bronze-orders-orders")
    assert orders.get_attribute("open") is not None
    assert orders.locator("table").is_visible()


def test_tables_can_be_searched_and_narrowed_to_what_failed(page: Page) -> None:
    shown = page.locator("#checks details.table:visible")
    everything = shown.count()
    assert everything > 39
    page.get_by_label("only what failed").check()
    assert shown.count() == 2
    page.get_by_label("Find").fill("CRM gender")
    assert [row.split()[2] for row in shown.all_inner_texts()] == ["crm/customers"]
    page.get_by_label("Find").fill("nothing of the kind")
    assert shown.count() == 0
    assert page.get_by_text("No table fits.").is_visible()
    page.get_by_label("Find").fill("")
    page.get_by_label("only what failed").uncheck()
    assert shown.count() == everything


def test_every_source_stands_with_owner_age_and_days(page: Page) -> None:
    from contracts.contract_file import load_contracts

    rows = page.locator("#sources tbody tr")
    assert rows.count() == len(load_contracts())
    for contract in load_contracts():
        row = rows.filter(has=page.locator("th", has_text=contract.source)).inner_text()
        assert contract.steward in row
        assert "agreed" in row
    assert page.locator("#sources svg.days").first.get_attribute("aria-label")


def test_linkage_is_shown_in_figures_over_time_and_by_group(page: Page) -> None:
    section = page.locator("#linkage")
    section_text = section.inner_text()
    assert "0.500" in section_text
    assert "Blocked" in section_text
    assert section.locator("svg.intervals g").count() == 2  # the run before any label has no precision to show
    assert "80 pairs, blocked" in (section.locator("svg.intervals g.blocked title").text_content() or "")
    assert [row.split("\t")[:2] for row in section.locator("tbody tr").all_inner_texts()] == [
        ["script", "Han"],
        ["script", "not known"],
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_in_light_and_dark(browser: Browser, address: str, scheme: str) -> None:
    opened = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
    opened.goto(address)
    opened.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    ground = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(14, 20, 26)") == (scheme == "dark")
    assert opened.evaluate(CONTRAST) == []
    opened.close()


def test_page_is_plain_to_a_screen_reader_and_a_keyboard(page: Page) -> None:
    levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), "a level is skipped"
    assert page.locator("table").count() == page.locator("table:has(thead th[scope=col])").count()
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("svg:not([aria-hidden]):not([aria-label])").count() == 0
    assert page.locator("html[lang=en]").count() == 1
    assert page.locator("input").evaluate_all("all => all.every(one => one.labels.length)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"


@pytest.mark.parametrize("width", [390, 1280])
def test_page_fits_a_telephone_and_a_desk(browser: Browser, address: str, width: int) -> None:
    opened = browser.new_page(viewport={"width": width, "height": 800})
    opened.goto(address)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()


def test_page_is_whole_without_scripts(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("#checks details.table").count() > 39
    assert not opened.locator(".tools").is_visible()
    context.close()

"""`lake up` and Dagster's UI in headless Chromium: the way of the data is there to see, and nothing stays behind."""

import re
import subprocess
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.contract_file import discover_sources
from tests.small_lake import SmallLake, stop, wait_for_line

_PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def served(small_lake: SmallLake) -> Iterator[tuple[SmallLake, subprocess.Popen[str]]]:
    """The lake's servers, up, on ports that are free now: others may have taken those of the session's lake since."""
    lake = SmallLake(small_lake.home, small_lake.key)
    process = lake.start("up")
    try:
        wait_for_line(process, "Ctrl-C stops everything", patience=400)
        yield lake, process
    finally:
        if process.poll() is None:
            stop(process)


@pytest.fixture
def page(browser: Browser, served: tuple[SmallLake, object]) -> Iterator[Page]:
    """A page on Dagster's UI; a request to anywhere but loopback fails the test."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{served[0].ports['DAGSTER']}", viewport={"width": 1600, "height": 1000}
    )
    opened = context.new_page()
    opened.set_default_timeout(_PATIENCE_MS)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert [url for url in asked if not re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", url)] == []


def test_asset_graph_shows_all_nine_sources_on_their_way_to_the_features(page: Page) -> None:
    page.goto("/asset-groups")
    for group in (*discover_sources(), "identity", "marts", "features", "serving"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=_PATIENCE_MS)


def test_page_of_a_table_shows_owner_rows_columns_and_its_check(page: Page) -> None:
    page.goto("/assets/bronze/crm/customers")
    for text in ("Row count", "Freshness policy", "classification: pii_direct", "delta"):
        expect(page.get_by_text(text).first).to_be_visible(timeout=_PATIENCE_MS)
    page.goto("/assets/bronze/crm/customers?view=checks")
    expect(page.get_by_text("passes_its_suite").first).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"\d+ of \d+ rules? passed")).first).to_be_visible(timeout=_PATIENCE_MS)


def test_page_of_who_is_who_shows_how_large_persons_are(page: Page) -> None:
    page.goto("/assets/identity/person_links?view=events")
    expect(page.get_by_text("records per person").first).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.get_by_text("█").first).to_be_visible(timeout=_PATIENCE_MS)


def test_run_of_the_command_line_is_in_the_history_and_the_schedule_is_on(page: Page) -> None:
    page.goto("/runs")
    expect(page.get_by_text("Success").first).to_be_visible(timeout=_PATIENCE_MS)
    page.goto("/automation")
    for name in ("every_day", "new_drops"):
        expect(page.get_by_text(name).first).to_be_visible(timeout=_PATIENCE_MS)


def test_portal_person_page_and_feature_server_answer(served: tuple[SmallLake, object]) -> None:
    import httpx

    lake = served[0]
    portal = httpx.get(f"http://127.0.0.1:{lake.ports['PORTAL']}/", timeout=30, trust_env=False)
    assert portal.status_code == 200
    assert "<html" in portal.text
    persons = httpx.get(f"http://127.0.0.1:{lake.ports['PERSON']}/", timeout=30, trust_env=False)
    assert "One person, one file" in persons.text
    assert httpx.get(f"http://127.0.0.1:{lake.ports['FEAST']}/health", timeout=30, trust_env=False).status_code == 200


def test_stopping_leaves_no_process_and_frees_the_ports(served: tuple[SmallLake, subprocess.Popen[str]]) -> None:
    """The last test of this file: it takes down what the others look at."""
    lake, process = served
    everything = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    assert len(everything) >= 5
    assert "stopped: no server is running any more" in stop(process)
    assert process.returncode == 0
    _, alive = psutil.wait_procs(everything, timeout=10)
    assert alive == []
    for port in lake.ports.values():
        assert all(c.laddr.port != port for c in psutil.net_connections("tcp") if c.status == "LISTEN")

"""The browser of these tests: Debian's Chromium without a window, which `make test` installs."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A file's browser; each file begins with a new one, for Playwright keeps an event loop running meanwhile."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_QUIET)
        yield opened
        opened.close()

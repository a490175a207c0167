"""docs/settings.md and docs/errors.md have a row for every setting and every error of the code, and no other."""

import ast
from pathlib import Path

from contracts.settings import Settings
from infra.reference_pages import (
    BEGIN,
    END,
    ERRORS_PAGE,
    SETTINGS_PAGE,
    error_classes,
    errors_table,
    product_modules,
    settings_table,
)

CURE = "run `.venv/bin/python -m infra.reference_pages`"
ROOT = Path(__file__).resolve().parents[2]
PLANTED = """
class BrokenPromiseError(SourceError):
    '''A promise was broken.

    More of it.
    '''
    exit_code = 2

class DeeperError(BrokenPromiseError): "Deeper."

class NoErrorOfOurs(ValueError): "Another one."

raise BrokenPromiseError("it broke", cure=f"mend {it}")
"""


def table_in(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip() + "\n"


def cells(table: str, *columns: int) -> list[tuple[str, ...]]:
    """The named columns of a Markdown table's rows, without its head."""
    rows = [line.replace("\\|", "").split(" | ") for line in table.splitlines()[2:]]
    return [tuple(row[column].strip("| ") for column in columns) for row in rows]


def test_every_setting_is_on_its_page() -> None:
    assert table_in(SETTINGS_PAGE) == settings_table(Settings.model_fields), CURE


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, info in Settings.model_fields.items() if not info.description] == []


def test_every_error_is_on_its_page_with_its_exit_code() -> None:
    made = errors_table(product_modules(ROOT))
    assert cells(table_in(ERRORS_PAGE), 0, 1, 3) == cells(made, 0, 1, 3), CURE


def test_a_planted_error_is_found_with_its_meaning_its_exit_code_and_its_cure() -> None:
    modules = [*product_modules(ROOT), ("ingestion", ast.parse(PLANTED))]
    known = {error.name for error in error_classes(product_modules(ROOT))}
    assert {error.name for error in error_classes(modules)} - known == {"BrokenPromiseError", "DeeperError"}
    rows = cells(errors_table(modules), 0, 1, 2, 3, 4)
    assert ("`BrokenPromiseError`", "ingestion", "A promise was broken.", "2", "mend …") in rows
    assert ("`DeeperError`", "ingestion", "Deeper.", "2", "printed with the message") in rows


def test_a_planted_setting_is_found() -> None:
    class More(Settings):
        planted: int = 3

    assert "| `LAKE_PLANTED` | whole number | `3` |" in settings_table(More.model_fields)

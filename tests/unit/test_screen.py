"""What sources hold is shown on a terminal and never obeyed: no escape, no hidden mark and no markup of rich."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from rich.console import Console

from cli import main
from cli.screens.panels import table
from cli.screens.printing import harmless, print_json, print_table

HOSTILE = "\x1b[31mred\x1b]0;title\x07 [/b] [red]x[/red] \u202eevil\u202c \u200bgap\x9b2J\n"
SEEN = "␛[31mred␛]0;title␇ [/b] [red]x[/red] <202E>evil<202C> <200B>gap<009B>2J␊"


@dataclass(frozen=True)
class Thing:
    """Something that is shown."""

    words: list[str]
    named: dict[str, str]
    number: int = 3


def test_every_text_in_a_document_loses_what_commands_a_terminal_or_hides() -> None:
    assert harmless(Thing([HOSTILE], {HOSTILE: "a"})) == Thing([SEEN], {SEEN: "a"})
    assert harmless(("王小明", "a b　c", "👨‍👩‍👧", None, 3)) == ("王小明", "a b　c", "👨‍👩‍👧", None, 3)


def test_table_shows_markup_and_escapes_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(f"Things of {HOSTILE}", ["name", HOSTILE], [(HOSTILE, 1), ("b", None)])
    shown = capsys.readouterr().out
    assert shown.count(SEEN) == 3
    console = Console(width=200, file=io.StringIO(), record=True)
    made = table(["what"], [["[/x] [red]y[/red]"]])
    assert made is not None
    console.print(made)
    assert "[/x] [red]y[/red]" in console.export_text()


def test_document_says_the_same_without_raw_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE, "at": datetime(2026, 7, 1, tzinfo=UTC)})
    printed = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed)
    assert json.loads(printed) == {"text": HOSTILE, "at": "2026-07-01T00:00:00+00:00"}


@pytest.mark.parametrize("arguments", [["identity", "label", "a\udcff,b", "same"], ["profile", "\udcff"]])
def test_bytes_that_are_no_text_are_wrong_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lake", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "not UTF-8\n  cure: " in capsys.readouterr().err

"""How verbs print: one JSON document, or tables and lines that read well on a terminal and in a pipe.

What sources hold is shown, never obeyed: neither by the terminal (`harmless`) nor by rich, whose markup is `[…]`.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

#: Shown by their code: control, format, private and surrogate characters, separators of lines and paragraphs.
_COMMANDS = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
#: What makes one picture of several emoji.
_JOINER = "\u200d"
_HIDDEN_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

Shown = TypeVar("Shown")


def harmless(shown: Shown) -> Shown:
    """A text, or all texts in lists, dictionaries and dataclasses, without characters that command a terminal, turn
    the reading around or cannot be seen: each is shown by its picture or its code."""
    safe: Shown = _harmless(shown)
    return safe


def _harmless(shown: Any) -> Any:
    if isinstance(shown, str):
        # A surrogate, a byte that was no UTF-8, cannot even be printed; `isprintable` is a look per text, no loop.
        return shown if shown.isprintable() else "".join(map(_seen, shown))
    if isinstance(shown, list | tuple):
        return type(shown)(map(_harmless, shown))
    if isinstance(shown, dict):
        return {_harmless(name): _harmless(value) for name, value in shown.items()}
    if is_dataclass(shown) and not isinstance(shown, type):
        return replace(shown, **{field.name: _harmless(getattr(shown, field.name)) for field in fields(shown)})
    return shown


def _seen(character: str) -> str:
    if unicodedata.category(character) not in _COMMANDS or character == _JOINER:
        return character
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else f"<{code:04X}>"


def print_json(document: Any) -> None:
    """Print exactly one JSON document on stdout; times are ISO 8601."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=_json_text)
    # Such characters stand within strings only, where JSON writes the same by a code.
    sys.stdout.write(_HIDDEN_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their columns; numbers are right-aligned and grouped by thousands."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    body = [list(row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        values = [row[number] for row in body if row[number] is not None]
        numeric = bool(values) and all(isinstance(v, int | float) for v in values)
        table.add_column(Text(harmless(column)), justify="right" if numeric else "left", no_wrap=number == 0)
    for row in body:
        table.add_row(*(Text(harmless(_cell(value))) for value in row))
    # Without a terminal rich would fold lines at 80 columns, which breaks grep; the table is as wide as it has to be.
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    console.print(Text(harmless(title), style="bold"))  # a title of the table itself is folded at the table's width
    console.print(table)


def _json_text(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return str(value)

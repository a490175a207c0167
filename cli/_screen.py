"""How verbs print: one JSON document, or tables and lines that read well on a terminal and in a pipe."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(document: Any) -> None:
    """Print exactly one JSON document on stdout; times are ISO 8601."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, default=str)
    sys.stdout.write("\n")


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows under their columns; numbers are right-aligned and grouped by thousands."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    body = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        values = [row[number] for row in body if row[number] is not None]
        numeric = bool(values) and all(isinstance(v, int | float) for v in values)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=number == 0)
    for row in body:
        table.add_row(*(_cell(value) for value in row))
    # Without a terminal rich would fold lines at 80 columns, which breaks grep; the table is as wide as it has to be.
    Console(width=None if sys.stdout.isatty() else 10_000, highlight=False).print(table)


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

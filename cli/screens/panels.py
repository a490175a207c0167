"""Drawing for the verbs that show one thing at length: titled panels, tables in them, and values as text."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_LIST_SHOWN = 8
_COUNTS = ("records", "events", "people", "strongest", "bits")
_TIMES = ("as of", "first", "last", "first seen", "last seen")


def panel(title: str, body: RenderableType | None, *, empty: str | None = None) -> RenderableType | None:
    """A body under its title; without a body the text `empty`, or None where there is none either."""
    if body is None:
        if empty is None:
            return None
        body = Text(empty, style="dim")
    return Panel(body, title=title, title_align="left", padding=(0, 1), border_style="dim")


def table(columns: Sequence[str], rows: Sequence[Iterable[RenderableType]]) -> Table | None:
    """Rows under their columns, without a head where the columns have no names; None where there are no rows."""
    if not rows:
        return None
    is_headed = any(columns)
    rich_table = Table(
        box=box.SIMPLE_HEAD if is_headed else None,
        pad_edge=False,
        show_edge=False,
        show_header=is_headed,
        collapse_padding=True,
        padding=(0, 1) if is_headed else (0, 2),
    )
    for column in columns:
        rich_table.add_column(
            column,
            overflow="fold",
            justify="right" if column in _COUNTS else "left",
            style="dim" if column in _TIMES else "",
            # A narrow terminal takes from what can be folded, never from a number or a date.
            no_wrap=column in _COUNTS or column in _TIMES,
        )
    for row in rows:
        # A text is what a source holds, perhaps with rich's markup in it: shown as it is.
        rich_table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return rich_table


def short(words: Sequence[str], maximum: int) -> str:
    """The first words of a list."""
    return ", ".join(words[:maximum]) + (", …" if len(words) > maximum else "")


def cell(value: Any) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return short([str(item) for item in value], _LIST_SHOWN)
    if isinstance(value, float):
        return f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return when(value) if hasattr(value, "hour") else str(value)


def when(moment: Any, with_time: bool = True) -> str:
    """A moment as text; empty where there is none."""
    if moment is None:
        return ""
    if moment.year == 1900:
        return "the beginning"
    return f"{moment:%Y-%m-%d %H:%M}" if with_time and hasattr(moment, "hour") else f"{moment:%Y-%m-%d}"

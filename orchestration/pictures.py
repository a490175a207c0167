"""Small pictures as Markdown, drawn with blocks of text: seen in Dagster's UI, in a terminal, on a closed network."""

from collections.abc import Sequence

_WIDTH = 16


def bars(rows: Sequence[tuple[str, int | float]]) -> str:
    """A bar chart, one line per label; empty for no rows. The longest bar is the largest value."""
    if not rows:
        return ""
    top = max(value for _, value in rows) or 1
    widest = max(len(label) for label, _ in rows)
    lines = [f"{label:<{widest}} {_bar(value / top):<{_WIDTH}} {value:>9,.0f}" for label, value in rows]
    return "```\n" + "\n".join(lines) + "\n```"


def _bar(share: float) -> str:
    eighths = round(max(share, 0) * _WIDTH * 8)
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")

"""Small pictures as Markdown, drawn with blocks of text: seen in Dagster's UI, in a terminal, on a closed network."""

from collections.abc import Sequence

_WIDTH = 16
_AXIS = 40


def bars(rows: Sequence[tuple[str, int | float]]) -> str:
    """A bar chart, one line per label; empty for no rows. The longest bar is the largest value."""
    if not rows:
        return ""
    top = max(value for _, value in rows) or 1
    widest = max(len(label) for label, _ in rows)
    lines = [f"{label:<{widest}} {_bar(value / top):<{_WIDTH}} {value:>9,.0f}" for label, value in rows]
    return "```\n" + "\n".join(lines) + "\n```"


def intervals(rows: Sequence[tuple[str, float | None, float | None, float | None]]) -> str:
    """Shares with the bounds they lie in, one line per label, on one axis from the least bound to 1; empty for none.

    Rows are label, share, lower and upper bound; None where a share is not known, which shows as a line without one.
    """
    least = min((low for _, _, low, _ in rows if low is not None), default=None)
    if least is None:
        return ""
    start = min(least, 0.99)
    widest = max(len(label) for label, *_ in rows)
    lines = []
    for label, share, low, high in rows:
        picture = _interval(share, bounds=(low, high), start=start)
        lines.append(f"{label:<{widest}} {picture} {'not known' if share is None else f'{share:.4f}'}")
    axis = f"{'':<{widest}} {start:<{_AXIS - 1}.2f}1"
    return "```\n" + "\n".join([*lines, axis]) + "\n```"


def _interval(share: float | None, *, bounds: tuple[float | None, float | None], start: float) -> str:
    low, high = bounds
    if share is None or low is None or high is None:
        return " " * _AXIS

    def place(value: float) -> int:
        return round((value - start) / (1 - start) * (_AXIS - 1))

    line = [" "] * _AXIS
    line[place(low) : place(high) + 1] = "─" * (place(high) - place(low) + 1)
    line[place(share)] = "●"
    return "".join(line)


def _bar(share: float) -> str:
    eighths = round(max(share, 0) * _WIDTH * 8)
    return "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")

"""Progress of long commands: a live line on a terminal, plain lines where output goes to a file or a pipe."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Takes what is being done now and, optionally, the share that is done, 0 to 1.
Step = Callable[..., None]


@contextmanager
def steps() -> Iterator[Step]:
    """A function that shows what is being done now. Plain lines are at least a second apart, so logs stay short."""
    if not sys.stdout.isatty():
        last = 0.0

        def plain(text: str, share: float | None = None) -> None:
            nonlocal last
            if time.monotonic() - last >= 1:
                last = time.monotonic()
                print(f"  {text}{_percent(share)}", flush=True)

        yield plain
        return
    from rich.console import Console

    with Console().status("…") as live:
        yield lambda text, share=None: live.update(f"{text}{_percent(share)}")


def _percent(share: float | None) -> str:
    return "" if share is None else f" {share:.0%}"

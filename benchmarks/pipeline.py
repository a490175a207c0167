"""The whole way of a record, for 100,000 persons of the sandbox over 180 days (`--quick`: 5,000).

Rows landed per second, seconds per layer, peak memory, each against a script written by hand in DuckDB over Parquet
files (`benchmarks/references/by_hand.py`) that does the same work on the same inputs in the same run, with as many
threads and as much memory. What the script leaves out is what the lake is for: exactly-once, history, drift,
quarantine with reasons, checks, a second run that redoes only what changed; the ratio is the price of that. Checks and
the feature store's files are not in either.

A world of a tenth of the persons (`--quick`: a fifth) is run first. From both follows how each layer grows: the
exponent of its seconds over the persons; it is 1 for a layer that grows as its input does.

The physical limit of landing is decompressing and parsing the inputs, which the last figure measures: nothing that
reads them on this machine with this engine can be faster. For the other layers it is the same engine's own scan, join
and write of the same columns: the script, less what of its own it wastes.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, main, say
from benchmarks.machine import ROOT

#: Persons of the small and of the large world.
SIZES, QUICK_SIZES = (10_000, 100_000), (1_000, 5_000)
DAYS, SEED = 180, 7
MEMORY_LIMIT = "4GB"
#: Our layer -> the script's step that does the same work, and the highest ratio we accept.
LAYERS: Mapping[str, tuple[str, float]] = {
    "landing": ("land", 2.5),
    "staging and person records": ("stage", 4.0),
    "identity": ("identify", 4.0),
    "marts": ("publish", 4.0),
    "features": ("window", 4.0),
}
BY_HAND = "DuckDB by hand"
#: Above this a layer does work that grows faster than the lake: a comparison of all pairs, a spill to disk.
LINEAR, MAX_EXPONENT = "linear growth", 1.3


def measure(quick: bool) -> Sequence[Figure]:
    """Run the script and the lake on a small and on a large world, each in a process of its own."""
    sizes = QUICK_SIZES if quick else SIZES
    (small, _), (large, by_hand) = (run_world(persons) for persons in sizes)
    return [*figures(large, by_hand), *growth(small["seconds"], large["seconds"], factor=sizes[1] / sizes[0])]


def run_world(persons: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make a world; what the lake and what the script printed of it."""
    with tempfile.TemporaryDirectory(prefix="lake-bench-") as folder:
        home = Path(folder) / "lake"
        started = time.perf_counter()
        run("benchmarks.inputs.make_world", home, home / "sandbox", persons, DAYS, SEED)
        say(f"world of {persons:,} persons and {DAYS} days made in {time.perf_counter() - started:.0f} s")
        hand = run(
            "benchmarks.references.by_hand", home, home / "sandbox", Path(folder) / "by_hand", threads(), MEMORY_LIMIT
        )
        say(f"by hand: {sum(hand['seconds'].values()) - hand['seconds']['read']:.1f} s")
        ours = run("benchmarks.measured.our_run", home)
        say(f"the lake: {sum(ours['seconds'].values()):.1f} s")
    return ours, hand


def growth(small: Mapping[str, float], large: Mapping[str, float], *, factor: float) -> list[Figure]:
    """How the seconds of each layer grow with the persons, of which the large world has `factor` times as many."""
    seconds = {layer: (small[layer], large[layer]) for layer in LAYERS}
    seconds["whole run"] = sum(small.values()), sum(large.values())
    return [
        Figure(f"growth of {name}", "exponent", math.log(after / before, factor), 1.0, LINEAR, MAX_EXPONENT)
        for name, (before, after) in seconds.items()
    ]


def figures(ours: Mapping[str, Any], hand: Mapping[str, Any]) -> list[Figure]:
    """What both processes printed, side by side.

    Raises:
        SystemExit: they did not land the same rows, so that nothing can be compared.
    """
    if ours["rows"] != hand["rows"]:
        raise SystemExit(f"the lake landed {ours['rows']:,} rows, the script {hand['rows']:,}: not the same work")
    land, limit = hand["seconds"]["land"], hand["seconds"]["read"]
    rates = ours["rows"] / ours["seconds"]["landing"], hand["rows"] / land
    figures = [Figure("rows landed", "rows/s", *rates, BY_HAND, LAYERS["landing"][1], higher_is_better=True)]
    figures += [
        Figure(layer, "s", ours["seconds"][layer], hand["seconds"][step], BY_HAND, goal)
        for layer, (step, goal) in LAYERS.items()
    ]
    whole = sum(ours["seconds"].values()), sum(hand["seconds"].values()) - limit
    figures.append(Figure("whole run", "s", *whole, BY_HAND, 3.0))
    figures.append(Figure("peak memory", "MB", ours["peak_mb"], hand["peak_mb"], BY_HAND, 3.0))
    figures.append(Figure("landing, against its limit", "s", ours["seconds"]["landing"], limit, "parsing alone", 6.0))
    return figures


def run(module: str, home: Path, *arguments: object) -> dict[str, Any]:
    """Run a module in a process of its own, in its own lake; what it prints last is its JSON."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LAKE_")},
        "LAKE_HOME": str(home),
        "LAKE_TOKEN_KEY_FILE": str(home.parent / "token.key"),
        "LAKE_THREADS": str(threads()),
        "LAKE_MEMORY_LIMIT": MEMORY_LIMIT,
    }
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} ended with {done.returncode}; its message stands above")
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def threads() -> int:
    """As many as the machine has cores, for both."""
    return os.cpu_count() or 1


if __name__ == "__main__":
    main(measure)

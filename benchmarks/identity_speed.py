"""What identity costs: ours end to end against bare Splink on the same records, and 1 % new records against all.

Each way is a process of its own, so that seconds, CPU and peak memory are all its own; they take turns.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Figure, say
from benchmarks.machine import ROOT

SPEED_GOAL, INCREMENT_GOAL = 1.5, 0.1


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    seconds: float
    cpu: float
    peak_mb: float


def speed(name: str, folder: Path, size: int, *, times: int, is_followed: bool) -> list[Figure]:
    """Ours end to end against Splink with its model and with training, the best of so many times; then 1 % more records
    (`is_followed`)."""
    records, model = folder / "records.parquet", folder / "model.json"
    splink = [sys.executable, "-m", "benchmarks.references.plain_splink", records, folder / "splink.parquet"]
    ours = [sys.executable, "-m", "benchmarks.measured.our_identity"]
    costs: dict[str, list[Cost]] = {"ours": [], "trained": [], "model": []}
    first = size - size // 100 if is_followed else size
    increments = []
    for turn in range(times):
        lake = folder / f"lake-{turn}"
        lake.mkdir()
        process([*ours, "load", records, 0, first], lake)
        costs["ours"].append(process([*ours, "update"], lake))
        costs["trained"].append(process([*splink, "--save", model], lake))
        costs["model"].append(process([*splink, "--model", model], lake))
        if is_followed:
            process([*ours, "load", records, first, size], lake)
            increments.append(process([*ours, "update"], lake, day=2))
    best = {way: min(taken, key=lambda cost: cost.seconds) for way, taken in costs.items()}
    for way, cost in best.items():
        say(f"{name}: {way} {cost.seconds:.1f} s, {cost.cpu:.1f} CPU s, {cost.peak_mb:,.0f} MB")
    full, trained, bare = best["ours"], best["trained"], best["model"]
    figures = [
        Figure(f"{name}, end to end", "s", full.seconds, bare.seconds, "bare Splink, trained before", SPEED_GOAL),
        Figure(f"{name}, end to end", "CPU s", full.cpu, bare.cpu, "bare Splink, trained before", SPEED_GOAL),
        Figure(f"{name}, memory", "MB", full.peak_mb, bare.peak_mb, "bare Splink, trained before", SPEED_GOAL),
        Figure(f"{name}, end to end", "s", full.seconds, trained.seconds, "bare Splink with training", SPEED_GOAL),
        Figure(f"{name}, memory", "MB", full.peak_mb, trained.peak_mb, "bare Splink with training", SPEED_GOAL),
    ]
    if is_followed:
        cost = min(increments, key=lambda cost: cost.seconds)
        say(f"{name}: 1 % new {cost.seconds:.1f} s, {cost.cpu:.1f} CPU s, {cost.peak_mb:,.0f} MB")
        figures.append(Figure(f"1 % new of {name}", "s", cost.seconds, full.seconds, "the full run", INCREMENT_GOAL))
        figures.append(Figure(f"1 % new of {name}", "CPU s", cost.cpu, full.cpu, "the full run", INCREMENT_GOAL))
    return figures


def process(command: Sequence[object], home: Path, *, day: int = 1) -> Cost:
    """Run a command to its end in the lake at a folder, on a day of its own; what it took.

    Raises:
        SystemExit: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    environment |= {"LAKE_HOME": str(home / "lake"), "LAKE_TOKEN_KEY_FILE": str(home / "token.key")}
    if day > 1 or "our_identity" in " ".join(map(str, command)):
        environment["LAKE_NOW"] = f"2026-07-{day:02d}T00:00:00+00:00"
    started = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(map(str, command[2:5]))} failed; its message stands above")
    return Cost(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)

"""Run every benchmark of this folder and write `docs/figures.md`, the only place where figures stand.

`.venv/bin/python benchmarks/run_all.py [--quick]`. A benchmark is a file that ends with `main(measure)`: found, not
listed. The figures are written even where one misses its goal, and the command then ends with 1.
"""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import say, table
from benchmarks.machine import ROOT

TARGET = ROOT / "docs" / "figures.md"


def benchmarks() -> list[Path]:
    """Every benchmark there is, by name."""
    return [path for path in sorted(Path(__file__).parent.glob("*.py")) if "\n    main(measure)" in path.read_text()]


def run(path: Path, quick: bool) -> dict[str, Any]:
    """Run one benchmark in a process of its own and give back its JSON."""
    command = [sys.executable, str(path), "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        raise SystemExit(f"{path.name} failed with {done.returncode}; its message stands above")
    return dict(json.loads(done.stdout))


def first_paragraph(path: Path) -> str:
    """What a benchmark says of itself."""
    return path.read_text().split('"""')[1].strip()


def busy(described: dict[str, Any]) -> str:
    """A warning where others were at work on the machine."""
    if described["load_before"] <= described["cores"] / 2:
        return ""
    return " The machine was busy with other work: seconds are too high, and ratios are rougher than on a quiet one."


def page(results: dict[Path, dict[str, Any]], quick: bool) -> str:
    """The document: machine and commit first, then each benchmark with its own words."""
    described = next(iter(results.values()))["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in described["versions"].items())
    size = "small worlds (`--quick`)" if quick else "full size"
    head = f"""# Figures

Written by `make bench`; not edited by hand. {datetime.now(UTC):%Y-%m-%d}, commit `{described["commit"]}`, {size}.

{described["cores"]} cores ({described["processor"]}), {described["memory_gb"]} GB, {described["system"]}, \
Python {described["python"]}; {versions}. Load before the start: {described["load_before"]}.{busy(described)}

Every figure stands beside a reference measured in the same run on the same input. *Ratio* is how many times the
reference's cost ours is (below 1: ours is cheaper); *goal* is the highest ratio we accept.
"""
    parts = [
        f"## {path.stem.replace('_', ' ')}\n\n{first_paragraph(path)}\n\n{table(result['figures'])}\n"
        for path, result in results.items()
    ]
    return "\n".join([head, *parts])


def all_figures(quick: bool) -> int:
    """Run all, write the page; the number of figures that miss their goal."""
    results = {}
    for path in benchmarks():
        say(f"{path.stem} …")
        results[path] = run(path, quick)
    TARGET.write_text(page(results, quick), encoding="utf-8")
    say(f"written: {TARGET.relative_to(ROOT)}")
    return sum(not figure["ok"] for result in results.values() for figure in result["figures"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small worlds")
    sys.exit(1 if all_figures(parser.parse_args().quick) else 0)

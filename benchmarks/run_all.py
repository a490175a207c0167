"""Run every benchmark of this folder and write `docs/figures.md`, the only place where figures stand.

`.venv/bin/python benchmarks/run_all.py [--quick] [NAME]...`. A benchmark is a file that ends with `main(measure)`:
found, not listed; where some are named, the others' figures stay as they are. The figures are written even where one
misses its goal, and the command then ends with 1.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Collection, Sequence
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


def section(path: Path, result: dict[str, Any], quick: bool) -> str:
    """One benchmark's part of the page: what it measures, when and on what, and its figures."""
    described = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in described["versions"].items())
    size = "small worlds (`--quick`)" if quick else "full size"
    return f"""## {path.stem.replace("_", " ")}

{first_paragraph(path)}

{datetime.now(UTC):%Y-%m-%d}, commit `{described["commit"]}`, {size}. {described["cores"]} cores \
({described["processor"]}), {described["memory_gb"]} GB, {described["system"]}, Python {described["python"]}; \
{versions}. Load before the start: {described["load_before"]}.{busy(described)}

{table(result["figures"])}
"""


def page(sections: Sequence[str]) -> str:
    """The document."""
    head = """# Figures

Written by `make bench`; not edited by hand.

Every figure is compared with a reference measured in the same run on the same input. *Ratio* is how many times the
reference's cost ours is (below 1: ours is cheaper); *goal* is the highest ratio we accept.
"""
    return "\n".join([head, *sections])


def kept(text: str) -> dict[str, str]:
    """The sections of a page by their titles."""
    parts = text.split("\n## ")[1:]
    return {part.partition("\n")[0]: "## " + part.rstrip() + "\n" for part in parts}


def all_figures(quick: bool, names: Collection[str] = ()) -> int:
    """Run all (or those named), write the page; the number of figures that miss their goal."""
    by_name = {path.stem: path for path in benchmarks()}
    if unknown := set(names) - by_name.keys():
        raise SystemExit(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(by_name)}")
    sections = kept(TARGET.read_text(encoding="utf-8")) if names and TARGET.exists() else {}
    missed = 0
    for name in names or by_name:
        say(f"{name} …")
        result = run(by_name[name], quick)
        missed += sum(not figure["ok"] for figure in result["figures"])
        sections[name.replace("_", " ")] = section(by_name[name], result, quick)
    titles = [name.replace("_", " ") for name in by_name]
    TARGET.write_text(page([sections[title] for title in titles if title in sections]), encoding="utf-8")
    say(f"written: {TARGET.relative_to(ROOT)}")
    return missed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small worlds")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; the figures of the others stay")
    options = parser.parse_args()
    sys.exit(1 if all_figures(options.quick, options.names) else 0)

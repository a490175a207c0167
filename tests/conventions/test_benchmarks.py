"""Every benchmark has one shape: found by its file, `--quick`, `--json`, a reference and a goal for every figure."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figures import Figure, table
from benchmarks.machine import describe
from benchmarks.run_all import benchmarks, kept, page, section

KEYS = {"name", "unit", "ours", "reference", "reference_name", "ratio", "goal", "ok"}


def test_there_is_a_benchmark() -> None:
    assert "pipeline" in {path.stem for path in benchmarks()}


@pytest.mark.parametrize("path", benchmarks(), ids=lambda path: path.stem)
def test_benchmark_measures_in_one_function_and_explains_itself(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert [argument.arg for argument in functions["measure"].args.args] == ["quick"]
    assert "limit" in (ast.get_docstring(tree) or ""), "the first words say what the physical limit is"


@pytest.mark.parametrize("path", benchmarks(), ids=lambda path: path.stem)
def test_benchmark_takes_quick_and_json(path: Path) -> None:
    shown = subprocess.run([sys.executable, str(path), "--help"], capture_output=True, text=True, check=True).stdout
    assert "--quick" in shown
    assert "--json" in shown


def test_figure_has_the_keys_of_the_interface_and_its_ratio_is_a_cost() -> None:
    slower = Figure("landing", "s", 6.0, 2.0, "DuckDB", goal=2.0)
    rate = Figure("landed", "rows/s", 500.0, 1000.0, "DuckDB", goal=2.0, higher_is_better=True)
    assert set(slower.as_dict()) == KEYS
    assert (slower.ratio, slower.as_dict()["ok"]) == (3.0, False)
    assert (rate.ratio, rate.as_dict()["ok"]) == (2.0, True)


def test_figures_page_names_commit_machine_and_a_missed_goal() -> None:
    figures = [Figure("landing", "s", 6.0, 2.0, "DuckDB", goal=2.0).as_dict()]
    result = json.loads(json.dumps({"machine": describe(), "figures": figures}))
    text = page([section(benchmarks()[0], result, quick=True)])
    assert f"commit `{result['machine']['commit']}`" in text
    assert str(result["machine"]["cores"]) in text
    assert "**missed**" in table(figures)
    assert "landing" in text
    assert [*kept(text)] == [benchmarks()[0].stem.replace("_", " ")]
    assert page([*kept(text).values()]) == text


def test_figures_stand_nowhere_else(root: Path) -> None:
    """`docs/figures.md` is generated: it says so, and by what."""
    page_there = root / "docs" / "figures.md"
    if page_there.exists():
        assert "Written by `make bench`; not edited by hand" in page_there.read_text(encoding="utf-8")

"""The guide to a tenth source does what it says: its own text is run, in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.settings import PROJECT_ROOT

_BLOCK = re.compile(r"(?:`(?P<path>[^`\n]+)`:\n\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
#: Those that look at every contract: none may ask for an edit of an existing file.
_TESTS_OF_SOURCES = (
    *(f"tests/conventions/test_{name}.py" for name in ("catalogue", "check_texts", "models", "sources")),
    *(f"tests/unit/test_{name}.py" for name in ("dbt_staging", "features_catalogue", "page_texts")),
    "tests/unit/test_sandbox_world.py::test_every_system_breaks_its_contract_on_one_known_day",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's files as they are here, under git, with this machine's virtual environment."""
    there = tmp_path / "project"
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, check=True
    ).stdout.decode()
    for name in tracked.split("\0"):
        if name and (PROJECT_ROOT / name).is_file():
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, there / name)
    run(there, "git init -q && git add -A && git -c user.name=t -c user.email=t commit -qm start")
    programs = there / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "lake").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    return there


def run(folder: Path, command: str) -> str:
    """What a command prints in a folder, with no setting of ours."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAKE_")}
    environment |= {"LAKE_TOKEN_KEY_FILE": str(folder.parent / "token.key"), "PYTHONPATH": str(folder)}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tenth_source_lands_from_the_text_of_its_guide_and_no_file_is_edited(project: Path) -> None:
    printed = ""
    for block in _BLOCK.finditer((PROJECT_ROOT / "docs" / "tenth-source.md").read_text(encoding="utf-8")):
        path, kind, text = block.group("path", "kind", "text")
        if path:
            (project / path).parent.mkdir(parents=True, exist_ok=True)
            (project / path).write_text(text, encoding="utf-8")
        elif kind == "sh":
            printed = run(project, text)
        elif kind == "text":
            assert text.strip() in printed, printed
        elif kind == "json":
            (record,) = json.loads(printed)["records"]
            assert json.loads(text).items() <= record.items()
    assert "0 received" in run(project, ".venv/bin/python -m ingestion parking")
    changed = run(project, "git status --porcelain").splitlines()
    assert [line for line in changed if not line.startswith("?? ")] == []
    assert "?? dbt_project/models/staging/parking/" in changed
    run(project, f".venv/bin/python -m pytest -q -x -p no:cacheprovider {' '.join(_TESTS_OF_SOURCES)}")

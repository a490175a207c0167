"""A whole small lake, made by the real commands, and how tests give commands to it.

Shared by all tests that need a pipeline run (`small_lake` in conftest.py): read it, do not change it. A test that
writes takes a copy (`lake_copy`).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from contracts.settings import PROJECT_ROOT
from lake.tables import list_tables, table_version
from tests.lake_context import is_foreign, lake_settings, opened

PERSONS, DAYS, SEED = 300, 60, 7


class SmallLake:
    """A LAKE_HOME, its environment, and the commands that are given to it."""

    def __init__(self, home: Path, key: Path) -> None:
        self.home, self.key = home, key
        self.ports = {name: _free_port() for name in ("DAGSTER", "PORTAL", "PERSON", "FEAST")}

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a child process: this lake, free ports, nothing of the developer's own."""
        return {name: value for name, value in os.environ.items() if not is_foreign(name)} | self._settings

    @property
    def _settings(self) -> dict[str, str]:
        ports = {f"LAKE_PORT_{name}": str(port) for name, port in self.ports.items()}
        return lake_settings(self.home, key=self.key) | ports

    def lake(self, *arguments: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
        """Give a command, as a person would: `lake("run")`."""
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=PROJECT_ROOT, env=self.environment | environment, capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        """The document of a command with `--json`; anything else on stdout breaks it."""
        return json.loads(self.ok(*arguments, "--json").stdout)

    def ok(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that has to end well."""
        done = self.lake(*arguments)
        assert done.returncode == 0, f"lake {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on by itself; the test stops it."""
        return subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments],
            cwd=PROJECT_ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def opened(self) -> AbstractContextManager[pytest.MonkeyPatch]:
        """This lake as the lake of the test's own process."""
        return opened(self._settings)

    def versions(self) -> dict[str, int]:
        """Version of every table outside `ops/`."""
        with self.opened():
            names = [name for name in list_tables() if not name.startswith("ops/")]
            return {name: version for name in names if (version := table_version(name)) is not None}

    def rows(self, table: str) -> int:
        """How many rows a table has; 0 where there is none."""
        from runs.table_facts import table_facts

        with self.opened():
            facts = table_facts(table, with_events=False)
            return facts.rows if facts else 0

    def copy(self, home: Path) -> "SmallLake":
        """The same lake somewhere else, to be changed."""
        shutil.copytree(self.home, home)
        store = home / "feast" / "feature_store.yaml"  # the one file that says by its path which lake is read
        if store.exists():
            store.write_text(store.read_text().replace(str(self.home), str(home)))
        return SmallLake(home, self.key)


def make(home: Path, key: Path) -> SmallLake:
    """A sandbox and one run over it."""
    lake = SmallLake(home, key)
    lake.ok("sandbox", "create", "--persons", str(PERSONS), "--days", str(DAYS), "--seed", str(SEED))
    first = lake.ok("run")
    (home / "first-run.txt").write_text(first.stdout)
    return lake


def stop(process: subprocess.Popen[str], patience: float = 60) -> str:
    """Ask a started command to end, as Ctrl-C does; returns what it printed."""
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=patience)
    return printed


def wait_for_line(process: subprocess.Popen[str], text: str, patience: float = 300) -> str:
    """Read what a started command prints until a line holds `text`."""
    assert process.stdout is not None
    lines, until = [], time.monotonic() + patience
    while time.monotonic() < until:
        line = process.stdout.readline()
        if not line:
            break
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} was never printed:\n{''.join(lines)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

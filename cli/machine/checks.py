"""What this machine lacks, and the cure. Every function here whose name starts with `_check_` is a check.

A check starts nothing and changes nothing, but makes LAKE_HOME where it is missing. Imports neither dagster, dbt, Great
Expectations nor Feast: they are what may be missing.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from contracts.errors import LakeError
from contracts.settings import load_settings
from runs.worlds import Finding, load_worlds

#: A lake of 2,000 persons x 180 days takes 0.2 GB; a run needs room to spill.
_DISK_NEEDED_GB = 2.0
_PYTHONS = ((3, 11), (3, 12))


def examine() -> list[Finding]:
    """The findings of every check, in the order of this file."""
    checks = [check for name, check in globals().items() if name.startswith("_check_")]
    return [finding for check in checks for finding in check()]


def _check_python() -> Iterator[Finding]:
    supported = " or ".join(f"{major}.{minor}" for major, minor in _PYTHONS)
    yield Finding(
        subject="python",
        is_ok=sys.version_info[:2] in _PYTHONS,
        found=f"{sys.version.split()[0]} at {sys.executable}",
        cure=f"use Python {supported}: make setup",
    )


def _check_packages() -> Iterator[Finding]:
    wrong = []
    requirements = [Requirement(line) for line in requires("customer-lake") or []]
    base = [each for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    for requirement in base:
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                wrong.append(f"{requirement.name} is {version(requirement.name)}")
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
    yield Finding(
        subject="packages",
        is_ok=not wrong,
        found="; ".join(wrong[:5]) or f"all {len(base)} as pinned",
        cure="install what requirements.lock pins: make setup",
    )


def _check_sqlite() -> Iterator[Finding]:
    yield Finding(
        subject="sqlite",
        is_ok=sqlite3.sqlite_version_info >= (3, 35),
        found=sqlite3.sqlite_version,
        cure="use a Python built with SQLite 3.35 or newer",
    )


def _check_delta_extension() -> Iterator[Finding]:
    from lake.sql.connections import connect

    try:
        with connect() as connection:
            connection.execute("select 1")
    except Exception as error:
        cure = str(getattr(error, "cure", "install duckdb and duckdb-extension-delta of the same version: make setup"))
        reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        yield Finding(subject="duckdb", is_ok=False, found=reason, cure=cure)
    else:
        yield Finding(subject="duckdb", is_ok=True, found="reads Delta offline")


def _check_home() -> Iterator[Finding]:
    home = load_settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".doctor.{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        yield Finding(
            subject="LAKE_HOME",
            is_ok=False,
            found=f"{home}: {error.strerror}",
            cure="set LAKE_HOME to a folder that this user may write",
        )
        return
    yield Finding(subject="LAKE_HOME", is_ok=True, found=str(home))
    free = shutil.disk_usage(home).free / 1e9
    yield Finding(
        subject="disk",
        is_ok=free >= _DISK_NEEDED_GB,
        found=f"{free:.1f} GB free",
        cure=f"make {_DISK_NEEDED_GB:.0f} GB free, or move LAKE_HOME",
    )


def _check_token_key() -> Iterator[Finding]:
    from lake.sql.tokens import key_path, token

    path = key_path()
    if load_settings().home in path.resolve().parents:
        problem, cure = f"{path} lies in LAKE_HOME", "set LAKE_TOKEN_KEY_FILE to a place outside it"
        yield Finding(subject="token key", is_ok=False, found=problem, cure=cure)
    elif not path.exists():
        yield Finding(subject="token key", is_ok=True, found=f"none yet; the first run makes {path}")
    else:
        try:
            token("")
        except LakeError as error:
            yield Finding(subject="token key", is_ok=False, found=str(error.args[0]), cure=error.cure)
        else:
            yield Finding(subject="token key", is_ok=True, found=str(path))


def _check_ports() -> Iterator[Finding]:
    from cli.machine.servers import check_ports
    from web.loopback import PortTakenError

    try:
        check_ports("127.0.0.1")
    except PortTakenError as error:
        yield Finding(subject="ports", is_ok=False, found=str(error.args[0]), cure=error.cure, is_needed=False)
    else:
        settings = load_settings()
        ports = (settings.port_dagster, settings.port_portal, settings.port_person, settings.port_feast)
        yield Finding(subject="ports", is_ok=True, found=f"{', '.join(map(str, ports))} are free")


def _check_chromium() -> Iterator[Finding]:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    yield Finding(
        subject="chromium",
        is_ok=browser is not None,
        found=browser or "not found",
        cure="for `make test`: apt install chromium",
        is_needed=False,
    )


def _check_worlds() -> Iterator[Finding]:
    for world in load_worlds():
        yield from world.findings()


def _check_sources() -> Iterator[Finding]:
    root: Path = load_settings().sources_root
    yield Finding(
        subject="sources",
        is_ok=root.exists(),
        found=str(root) if root.exists() else f"{root} is not there",
        cure="make the simulated company: lake sandbox create; or set LAKE_SOURCE_ROOT",
        is_needed=False,
    )

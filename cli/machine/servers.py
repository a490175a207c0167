"""The servers of `lake up`: what each is, how it is started, when it is healthy, and how all of them are stopped.

Loopback only. Every server is a process group of its own, ended by its number; it also ends if this process is killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import httpx
import yaml

from contracts.errors import LakeError
from contracts.settings import PROJECT_ROOT, load_settings
from orchestration.execute import LOCATION, MODULE, silence
from web.loopback import host_in_url, listen

CODE = "code"
_PATIENCE_SECONDS = 240.0
_GRACE_SECONDS = 20.0
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


class ServerFailedError(LakeError):
    """A server ended, or was not healthy in time."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server: its command, and where to ask whether it is healthy (None: it has no address of its own)."""

    name: str
    command: list[str]
    url: str | None = None
    health: str | None = None


def check_ports(host: str) -> None:
    """Check that every port is free before anything is started.

    Raises:
        PortTakenError: names the port, what it is for, and the variable that moves it.
    """
    settings = load_settings()
    for name in ("dagster", "portal", "person", "feast"):
        listen(host, getattr(settings, f"port_{name}"), what=name).close()


@contextmanager
def serving(host: str, report: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """Start every server, wait until all are healthy, give their addresses by name; stop all of them at the end.

    Raises:
        ServerFailedError: a server ended or was not healthy in time; names its log.
    """
    with tempfile.TemporaryDirectory(prefix="lake-up-") as folder:  # short: a socket's path may have 107 characters
        started: list[tuple[Server, subprocess.Popen[bytes]]] = []
        try:
            with _portal(host) as portal:
                for server in _servers(host, Path(folder)):
                    report(f"starting {server.name}")
                    started.append((server, _start(server)))
                    if server.name == CODE:  # the UI and the daemon ask it at once, and fail without it
                        _wait(server, started)
                for server, _ in started:
                    _wait(server, started)
                yield {server.name: server.url for server, _ in started if server.url is not None} | {"portal": portal}
        finally:
            for _, process in reversed(started):
                _signal(process, signal.SIGTERM)
            deadline = time.monotonic() + _GRACE_SECONDS
            for _, process in started:
                _end(process, deadline)


def log_of(name: str) -> Path:
    """The log of a server: its output."""
    return load_settings().home / "logs" / f"up-{name}.log"


def _servers(host: str, folder: Path) -> Iterator[Server]:
    from features.configuration import feast_home
    from features.store import apply
    from orchestration.instance import write_settings

    settings = load_settings()
    silence()
    write_settings()
    apply()
    code = folder / "code.sock"
    workspace = folder / "workspace.yaml"
    workspace.write_text(
        yaml.safe_dump({"load_from": [{"grpc_server": {"socket": str(code), "location_name": LOCATION}}]})
    )
    python = sys.executable
    yield Server(
        name=CODE,
        command=[python, "-m", "dagster", "api", "grpc", "--socket", str(code), "--module-name", MODULE,
         "--working-directory", str(PROJECT_ROOT), "--location-name", LOCATION, "--use-python-environment-entry-point"],
        health=str(code),
    )  # fmt: skip
    dagster_url = f"http://{host_in_url(host)}:{settings.port_dagster}"
    yield Server(
        name="dagster",
        command=[python, "-m", "dagster_webserver", "--host", host, "--port", str(settings.port_dagster),
         "--workspace", str(workspace)],
        url=dagster_url,
        health=f"{dagster_url}/server_info",
    )  # fmt: skip
    yield Server(name="daemon", command=[python, "-m", "dagster._daemon", "run", "--workspace", str(workspace)])
    person_url = f"http://{host_in_url(host)}:{settings.port_person}"
    yield Server(
        name="person",
        command=[python, "-m", "web.person", "--host", host, "--port", str(settings.port_person)],
        url=person_url,
        health=f"{person_url}/health",
    )
    feast_url = f"http://{host_in_url(host)}:{settings.port_feast}"
    yield Server(
        name="feast",
        command=[str(Path(python).with_name("feast")), "-c", str(feast_home()), "serve", "--host", host,
         "--port", str(settings.port_feast), "--no-access-log"],
        url=feast_url,
        health=f"{feast_url}/health",
    )  # fmt: skip


@contextmanager
def _portal(host: str) -> Iterator[str]:
    """The quality portal: a folder of files, served by a thread of this process."""
    from ingestion.landing.land import counters
    from web.portal.render import build, portal_path
    from web.portal.server import portal_server

    if not portal_path().exists():
        build(counters=counters())
    with portal_server(host=host, port=load_settings().port_portal) as server:
        Thread(target=server.serve_forever, name="portal", daemon=True).start()
        try:
            yield f"http://{host_in_url(host)}:{server.server_port}"
        finally:
            server.shutdown()


def _start(server: Server) -> subprocess.Popen[bytes]:
    path = log_of(server.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as log:
        return subprocess.Popen(
            server.command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _wait(server: Server, started: list[tuple[Server, subprocess.Popen[bytes]]]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while server.health is not None and not _is_healthy(server.health):
        for other, process in started:
            if process.poll() is not None:
                raise ServerFailedError(
                    f"{other.name} ended with {process.returncode}: {_last_line(log_of(other.name))}",
                    cure=f"read {log_of(other.name)}",
                )
        if time.monotonic() > deadline:
            raise ServerFailedError(
                f"{server.name} was not healthy within {_PATIENCE_SECONDS:.0f} s", cure=f"read {log_of(server.name)}"
            )
        time.sleep(0.3)


def _is_healthy(health: str) -> bool:
    if not health.startswith("http"):
        return Path(health).exists()
    try:
        return httpx.get(health, timeout=5, follow_redirects=True, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the whole group: servers have workers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _end(process: subprocess.Popen[bytes], deadline: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=max(0.1, deadline - time.monotonic()))
    _signal(process, signal.SIGKILL)  # also what the server left behind in its group
    process.wait()


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "its log is empty"

"""Around a run: one at a time on a lake, and the sandbox's own servers while it lasts. Imports no Dagster."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from contracts.errors import LakeError
from contracts.settings import load_settings, source_url, temporary_environment

#: The source that a sandbox serves over HTTP, and the one whose last day comes live with `LAKE_SERVICES=1`.
SURVEYS, LIVE = "voice_of_customer", "devices"

#: How deep this process holds the run lock: `lake run` takes it before the job's session does.
_held = 0


class RunInProgressError(LakeError):
    """Another run is at work on this lake."""


@contextmanager
def run_lock(patience: float = 0) -> Iterator[None]:
    """One run at a time on a lake. The lock goes with the process, so a killed run leaves nothing behind.

    Raises:
        RunInProgressError: another process still runs after `patience` seconds.
    """
    global _held
    if _held:
        yield
        return
    path = load_settings().home / "locks" / "run.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        _take(lock, patience)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        _held += 1
        try:
            yield
        finally:
            _held -= 1


@contextmanager
def source_systems() -> Iterator[None]:
    """The sandbox's own servers while they are needed: its survey API, with `LAKE_SERVICES=1` also PostgreSQL and MQTT.

    Nothing is started for a source whose address is given (`LAKE_SOURCE_<SOURCE>_URL`), nor where there is no sandbox.
    """
    with ExitStack() as stack:
        root = load_settings().sources_root
        is_sandbox = (root / "clock.json").exists()
        if is_sandbox and source_url(SURVEYS) is None and (root / SURVEYS).exists():
            from infra.sandbox.survey_api import serve

            stack.enter_context(
                temporary_environment({f"LAKE_SOURCE_{SURVEYS.upper()}_URL": stack.enter_context(serve(root))})
            )
        if is_sandbox and load_settings().services and source_url(LIVE) is None:
            stack.enter_context(_services(root))
        yield


@contextmanager
def _services(root: Path) -> Iterator[None]:
    """PostgreSQL and Mosquitto around the sandbox. A day of the devices is sent live until a run has landed it."""
    from infra.services.live import hold_back_last_day
    from infra.services.stand_in import serve
    from ingestion.landing.land import has_new

    with serve(root) as stand_in, temporary_environment(stand_in.environment):
        day = max((path.name for path in hold_back_last_day(root).values()), default="")
        mark = root / LIVE / ".sent"
        if day and (not mark.exists() or mark.read_text() != day):
            _subscribe()
            stand_in.publish()
        yield
        if not has_new(LIVE):
            mark.write_text(day)


def _subscribe() -> None:
    """Let every live connector be known to its broker, which keeps messages only for those it knows.

    `has_new` of the whole source would stop at the drops, which always have something at first.
    """
    from contracts.contract_file import load_contract
    from ingestion.connectors import connectors_for

    contract = load_contract(LIVE)
    for entity in contract.entities.values():
        for connector in connectors_for(contract, entity):
            try:
                if connector.is_live:
                    connector.has_new(None)
            finally:
                connector.close()


def _take(lock: TextIO, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.5)
                continue
        lock.seek(0)
        raise RunInProgressError(
            f"another run is at work on {load_settings().home} (process {lock.read().strip() or 'unknown'})",
            cure="wait for it to end (`lake status` shows it), or stop that process; nothing is lost by either",
        )

"""Who looked at whose file: `ops/access_log`, append-only. Ids and names of operating system users, no values.

A view is first a line in a spool file, written before the file is shown (a Delta commit per view would cost 10 ms and a
file each). Every ten seconds, and when the server ends, the lines become one commit of the table. A spool that a killed
server left is taken up by the next one; its name is the commit's stream, so that no line is written twice.
"""

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa

from contracts.catalogue.tables import ACCESS_LOG
from contracts.errors import LakeError
from contracts.logical_types import TIMESTAMP
from contracts.settings import load_settings
from lake import writer

SCHEMA = pa.schema(
    [
        ("person_id", pa.string()),
        ("viewed_at", TIMESTAMP),
        ("what", pa.string()),
        ("viewed_by", pa.string()),
    ]
)
FLUSH_SECONDS = 10.0
_OPEN = "open.jsonl"

log = logging.getLogger(__name__)


class NotNotedError(LakeError):
    """A view could not be noted."""


def note(person_id: str, what: str, viewed_by: str) -> None:
    """Note one view. It is the machine's clock that counts: a simulated day says nothing about who looked when.

    Args:
        what: `file`, `journey`, `explanation`, `choice`, or `as_of:<day>`.
        viewed_by: the operating system user.

    Raises:
        NotNotedError: it cannot be noted; then nothing may be shown.
    """
    line = json.dumps([person_id, datetime.now(UTC).isoformat(), what, viewed_by]) + "\n"
    try:
        with _turn() as folder, (folder / _OPEN).open("a", encoding="utf-8") as spool:
            spool.write(line)
    except OSError as error:
        raise NotNotedError(
            f"it cannot be noted that you look at this file ({error.strerror}), so it is not shown",
            cure=f"make room, and let this account write below {load_settings().home}",
        ) from None


def flush() -> int:
    """Bring what was noted into the table; returns how many views. Writes nothing where nobody looked."""
    with _turn() as folder:
        if (folder / _OPEN).exists():
            (folder / _OPEN).rename(folder / f"{uuid.uuid4().hex}.jsonl")
    return sum(_bring_in(spool) for spool in sorted(folder.glob("*.jsonl")) if spool.name != _OPEN)


@contextmanager
def flushing() -> Iterator[None]:
    """For the body of a `with`: a thread flushes every `FLUSH_SECONDS`, and once more at the end."""
    is_over = Event()

    def work() -> None:
        while not is_over.wait(FLUSH_SECONDS):
            _try_flush()

    thread = Thread(target=work, name="access log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        _try_flush()


def _try_flush() -> None:
    try:
        flush()
    except Exception as error:  # the lines stay in their spool; the next flush takes them up
        log.error("the access log is not written: %s", type(error).__name__)


def _bring_in(spool: Path) -> int:
    try:
        rows = [json.loads(line) for line in spool.read_text(encoding="utf-8").splitlines() if line.endswith("]")]
    except FileNotFoundError:
        return 0  # another server of this lake took it
    table = pa.Table.from_pylist(
        [dict(zip(SCHEMA.names, [p, datetime.fromisoformat(at), *rest], strict=True)) for p, at, *rest in rows],
        schema=SCHEMA,
    )
    stream = writer.Commit(app_id=f"access_log:{spool.stem}", batch=0)
    is_new = not rows or writer.append(ACCESS_LOG, table, commit=stream)
    spool.unlink(missing_ok=True)
    return len(rows) if is_new else 0


@contextmanager
def _turn() -> Iterator[Path]:
    """The spool's folder, while no other thread or server writes to it or moves it."""
    folder = load_settings().home / "access_log"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(descriptor)

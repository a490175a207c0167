"""A lease per table for lakes in S3, where writers of several machines take turns.

A lock file holds one machine only. A lease is a small Delta log next to the tables (`_leases/<table>`): taking,
renewing and giving it back are commits, and a commit is a conditional put, so that of two takers one fails. Who
waits watches the log: one that has not moved for `PATIENCE` belongs to a dead machine and is taken over. No clocks
are compared. The commit of a machine that stalls for longer is rejected (`lake.commits`): the lease saves work and
keeps quarantine and bronze in step, the commits keep the tables right.
"""

import logging
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deltalake import CommitProperties, DeltaTable, Field, Schema
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.schema import PrimitiveType

from contracts.settings import load_settings
from lake.s3 import access

log = logging.getLogger(__name__)

#: Seconds without a sign of life after which a lease is taken over; its holder shows one three times as often.
PATIENCE = 30.0
FOLDER = "_leases"
_HOLDER_KEY = "lake.holder"
_SCHEMA = Schema([Field("nothing", PrimitiveType("string"))])
_CONFIGURATION: dict[str, str | None] = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.checkpointInterval": "10",  # who opens the log reads every commit since
}


class _Lease:
    """One table's lease, as this process sees it."""

    def __init__(self, name: str) -> None:
        self.uri = f"{load_settings().tables_root.rstrip('/')}/{FOLDER}/{name.replace('/', '__')}"
        self.name = name
        self.machine = _machine()
        self.me = f"{self.machine}/{uuid.uuid4().hex}"
        self._log = self._open()
        self._ended = threading.Event()
        self._renewing: threading.Thread | None = None

    def take(self) -> None:
        """Wait until the lease is free, or its holder is dead, and take it."""
        version, since = -1, time.monotonic()
        while True:
            self._log.update_incremental()
            holder = _holder(self._log)
            if self._log.version() != version:
                version, since = self._log.version(), time.monotonic()
            if holder == self.me:
                break  # taken, though the answer was lost
            # A holder of this machine is dead: its lock file is ours.
            if not holder or holder.startswith(f"{self.machine}/") or time.monotonic() - since > PATIENCE:
                with suppress(DeltaError, OSError):
                    _write(self._log, self.me)
                    break
            time.sleep(random.uniform(0.05, 0.25))
        self._renewing = threading.Thread(target=self._renew, name=f"lease of {self.name}", daemon=True)
        self._renewing.start()

    def give_back(self) -> None:
        """Let the next one in. Where that fails, the next one waits for `PATIENCE`."""
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        with suppress(DeltaError, OSError):
            self._write_mine("")

    def _renew(self) -> None:
        while not self._ended.wait(PATIENCE / 3):
            try:
                if not self._write_mine(self.me):
                    log.warning("the lease of %s was taken over: this process stalled for too long", self.name)
                    return
            except (DeltaError, OSError) as error:
                log.warning("the lease of %s could not be renewed (%s)", self.name, type(error).__name__)

    def _write_mine(self, holder: str) -> bool:
        """Write the lease while it is ours; False where it is another's."""
        self._log.update_incremental()
        if _holder(self._log) != self.me:
            return False
        _write(self._log, holder)
        return True

    def _open(self) -> DeltaTable:
        options = access.delta_options(self.uri)
        try:
            return DeltaTable(self.uri, storage_options=options)
        except TableNotFoundError:
            with suppress(DeltaError, OSError):  # another one made it at the same moment
                DeltaTable.create(self.uri, _SCHEMA, configuration=_CONFIGURATION, storage_options=options)
            return DeltaTable(self.uri, storage_options=options)


@contextmanager
def lease(name: str) -> Iterator[None]:
    """Hold the lease of one table; waits for other machines. Ask for it under the table's lock file only."""
    taken = _Lease(name)
    taken.take()
    try:
        yield
    finally:
        taken.give_back()


def _holder(table: DeltaTable) -> str:
    return table.history(1)[0].get(_HOLDER_KEY) or ""


def _write(table: DeltaTable, holder: str) -> None:
    properties = CommitProperties(custom_metadata={_HOLDER_KEY: holder}, max_commit_retries=0)
    table.create_write_transaction([], "append", table.schema(), [], commit_properties=properties)


def _machine() -> str:
    """A name of this machine and its `LAKE_HOME`, the same for all its processes."""
    path = load_settings().home / "machine.id"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        temporary.write_text(uuid.uuid4().hex)
        with suppress(FileExistsError):
            Path(path).hardlink_to(temporary)
        temporary.unlink()
    return f"{socket.gethostname()}-{path.read_text()}"

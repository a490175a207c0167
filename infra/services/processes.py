"""One server as a child process: started and waited for, stopped, cut off and brought back over the same data."""

import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from contracts.errors import LakeError

#: Seconds that a server may take until it answers, on a busy machine.
PATIENCE = 60.0
_STOP_SECONDS = 20.0


class ServiceError(LakeError):
    """A server cannot be started."""


class Process:
    """A server's process. Only this one is ever signalled; after `stop` or `kill` it can be started again."""

    def __init__(
        self, name: str, *, command: Sequence[object], folder: Path, user: str | None, is_ready: Callable[[], bool]
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = folder
        self.user = user
        self.is_ready = is_ready
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServiceError: it does not come up; says what it printed.
        """
        log = self.folder / "log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                self.command, stdout=output, stderr=subprocess.STDOUT, user=self.user, cwd=self.folder
            )
        self._child = child
        until = time.monotonic() + PATIENCE
        while not self.is_ready():
            if child.poll() is not None or time.monotonic() > until:
                last_lines = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise ServiceError(
                    f"{self.name} does not come up: {' / '.join(last_lines)}",
                    cure="see what it printed; free memory or disk",
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Let it end in its own way; end it where it does not."""
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()  # PostgreSQL: wait for sessions; they are ours and closed
            try:
                child.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int, question: bytes = b"", answer: bytes = b"") -> bool:
    """Whether something listens on the port and, if a question is asked, answers as it should."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer) if answer else True
    except OSError:
        return False

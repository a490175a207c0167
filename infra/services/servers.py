"""PostgreSQL, Mosquitto and Redis as child processes: found, started on free loopback ports, waited for, stopped.

Their data lies in a temporary folder and goes with them: the sandbox's own files are what lasts.
"""

import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lake.errors import LakeError

#: Seconds that a server may take until it answers, on a busy machine.
PATIENCE = 60.0
#: Server -> its program, and the package that brings it.
PROGRAMS = {
    "postgresql": ("initdb", "postgresql"),
    "mosquitto": ("mosquitto", "mosquitto"),
    "redis": ("redis-server", "redis-server"),
}
#: Below the root folder; Debian puts programs here that are not on everybody's path.
_OUTSIDE_PATH = ("usr/lib/postgresql/*/bin", "usr/sbin", "usr/local/sbin")


class ServiceError(LakeError):
    """A server cannot be started."""


@dataclass(frozen=True)
class Services:
    """Addresses of the servers that run; None for one that was not asked for."""

    postgresql: str | None = None
    mqtt: str | None = None
    redis: str | None = None

    def database(self, name: str) -> str:
        """Address of one PostgreSQL database."""
        if self.postgresql is None:
            raise ServiceError("PostgreSQL does not run", cure="start it: name it in `running`")
        return f"{self.postgresql}/{name}"


def program(name: str) -> Path | None:
    """Where a program is: on the path, or where Debian hides it."""
    folders = [folder for pattern in _OUTSIDE_PATH for folder in sorted(Path("/").glob(pattern), reverse=True)]
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(str(folder) for folder in folders))
    return Path(found) if found else None


def missing(names: Sequence[str] = tuple(PROGRAMS)) -> list[str]:
    """Packages that would have to be installed for these servers."""
    return [PROGRAMS[name][1] for name in names if program(PROGRAMS[name][0]) is None]


@contextlib.contextmanager
def running(names: Sequence[str] = tuple(PROGRAMS)) -> Iterator[Services]:
    """Start the named servers, give their addresses, and stop them whatever happens.

    Raises:
        ServiceError: a program is not installed, or a server does not come up; says what it printed.
    """
    if absent := missing(names):
        raise ServiceError(f"not installed: {', '.join(absent)}", cure=f"apt-get install {' '.join(absent)}")
    folder = Path(tempfile.mkdtemp(prefix="lake-services-"))
    # The servers run as users of their own where we are root; they must be able to pass through.
    folder.chmod(0o711)
    found: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in names:
            found["mqtt" if name == "mosquitto" else name] = stack.enter_context(_STARTERS[name](folder / name))
        yield Services(**found)


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    """A cluster of its own, with a password, reachable over loopback only. It refuses to run as root."""
    found = program("initdb")
    assert found is not None
    initdb = found.resolve()  # a link on the path; the server lies beside the real one
    user = _other_user("postgres")
    data, password, port = folder / "data", secrets.token_hex(16), _free_port()
    folder.mkdir()
    secret = folder / "password"
    secret.write_text(password)
    if user:
        for path in (folder, secret):
            shutil.chown(path, user, user)
    _run([initdb, "-D", data, "-U", "lake", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync",
          "--locale=C.UTF-8"], user)  # fmt: skip
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off",
               "shared_buffers": "32MB", "max_connections": 30, "timezone": "UTC"}  # fmt: skip
    command = [
        initdb.with_name("postgres"),
        "-D",
        data,
        *(part for k, v in options.items() for part in ("-c", f"{k}={v}")),
    ]
    address = f"postgresql://lake:{password}@127.0.0.1:{port}"
    with _process("PostgreSQL", command, folder, user, lambda: _answers_postgresql(f"{address}/postgres")):
        yield address


@contextlib.contextmanager
def _mosquitto(folder: Path) -> Iterator[str]:
    folder.mkdir()
    port = _free_port()
    settings = folder / "mosquitto.conf"
    limits = "max_queued_messages 0\nmax_inflight_messages 0\nsys_interval 1\n"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n{limits}user {getpass.getuser()}\n"
    )
    command = [program("mosquitto"), "-c", settings]
    with _process("Mosquitto", command, folder, None, lambda: _answers(port, b"", b"")):
        yield f"mqtt://127.0.0.1:{port}"


@contextlib.contextmanager
def _redis(folder: Path) -> Iterator[str]:
    folder.mkdir()
    port = _free_port()
    command = [
        program("redis-server"),
        "--bind",
        "127.0.0.1",
        "--port",
        port,
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        folder,
    ]
    with _process("Redis", command, folder, None, lambda: _answers(port, b"PING\r\n", b"+PONG")):
        yield f"redis://127.0.0.1:{port}/0"


_STARTERS: dict[str, Callable[[Path], contextlib.AbstractContextManager[str]]] = {
    "postgresql": _postgresql,
    "mosquitto": _mosquitto,
    "redis": _redis,
}


@contextlib.contextmanager
def _process(
    name: str, command: Sequence[object], folder: Path, user: str | None, is_ready: Callable[[], bool]
) -> Iterator[None]:
    log = folder / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, user=user, cwd=folder
        )
    try:
        until = time.monotonic() + PATIENCE
        while not is_ready():
            if child.poll() is not None or time.monotonic() > until:
                said = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise ServiceError(
                    f"{name} does not come up: {' / '.join(said)}", cure="see what it printed; free memory or disk"
                )
            time.sleep(0.05)
        yield
    finally:
        if child.poll() is None:
            child.terminate()  # PostgreSQL: wait for sessions; they are ours and closed
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _run(command: Sequence[object], user: str | None) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, user=user, cwd="/", check=False
    )
    if done.returncode:
        raise ServiceError(
            f"{command[0]} failed: {done.stderr.strip()[-300:]}", cure="see what it printed; free memory or disk"
        )


def _other_user(name: str) -> str | None:
    """A user to become, where we are root and there is one of that name."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        raise ServiceError(
            f"PostgreSQL does not run as root, and there is no user {name!r}", cure="run as another user"
        ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, question: bytes, answer: bytes) -> bool:
    """Whether something listens on the port and, if a question is asked, answers as it should."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer) if answer else True
    except OSError:
        return False


def _answers_postgresql(address: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(address, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False

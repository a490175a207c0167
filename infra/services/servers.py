"""PostgreSQL, Mosquitto, Redis and Kafka: found, started on free loopback ports, waited for, stopped.

Their data lies in a temporary folder and goes with them: the sandbox's own files are what lasts. Kafka needs Java and
is started for tests only.
"""

import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from infra.services import jars, kafka
from infra.services.processes import Process, ServiceError, answers, free_port

__all__ = ["AROUND_A_SANDBOX", "PROGRAMS", "ServiceError", "Services", "missing", "program", "running"]

#: Server -> its program, and the package that brings it.
PROGRAMS = {
    "postgresql": ("initdb", "postgresql"),
    "mosquitto": ("mosquitto", "mosquitto"),
    "redis": ("redis-server", "redis-server"),
    "kafka": ("java", "default-jre-headless"),
}
#: What `LAKE_SERVICES=1` starts.
AROUND_A_SANDBOX = ("postgresql", "mosquitto", "redis")
#: Below the root folder; Debian puts programs here that are not on everybody's path.
_OUTSIDE_PATH = ("usr/lib/postgresql/*/bin", "usr/sbin", "usr/local/sbin")


@dataclass(frozen=True)
class Services:
    """Addresses of the servers that run, None for one that was not asked for; their processes by name."""

    postgresql: str | None = None
    mqtt: str | None = None
    redis: str | None = None
    kafka: str | None = None
    processes: Mapping[str, Process] = field(default_factory=dict)

    def database(self, name: str) -> str:
        """Address of one PostgreSQL database."""
        if self.postgresql is None:
            raise ServiceError("PostgreSQL does not run", cure="start it: name it in `running`")
        return f"{self.postgresql}/{name}"


def program(name: str) -> Path | None:
    """Where a program is: on the path, or where Debian hides it."""
    folders = [folder for pattern in _OUTSIDE_PATH for folder in sorted(Path("/").glob(pattern), reverse=True)]
    path = shutil.which(name) or shutil.which(name, path=os.pathsep.join(str(folder) for folder in folders))
    return Path(path) if path else None


def missing(names: Sequence[str] = AROUND_A_SANDBOX) -> list[str]:
    """Packages that would have to be installed for these servers, and archives to be fetched."""
    return _packages(names) + [jar.name for jar in (jars.absent() if "kafka" in names else [])]


@contextlib.contextmanager
def running(names: Sequence[str] = AROUND_A_SANDBOX) -> Iterator[Services]:
    """Start the named servers, give their addresses, and stop them whatever happens.

    Raises:
        ServiceError: a program is not installed, or a server does not come up; says what it printed.
    """
    if absent := _packages(names):
        raise ServiceError(f"not installed: {', '.join(absent)}", cure=f"apt-get install {' '.join(absent)}")
    folder = Path(tempfile.mkdtemp(prefix="lake-services-"))
    # The servers run as users of their own where we are root; they must be able to pass through.
    folder.chmod(0o711)
    addresses: dict[str, str] = {}
    processes: dict[str, Process] = {}
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for name in names:
            (folder / name).mkdir()
            address, process = _PREPARED[name](folder / name)
            addresses["mqtt" if name == "mosquitto" else name], processes[name] = address, process
            stack.callback(process.stop)
            process.start()
        yield Services(**addresses, processes=processes)


def _packages(names: Sequence[str]) -> list[str]:
    """The packages that bring those of the servers' programs that are not here."""
    return [PROGRAMS[name][1] for name in names if program(PROGRAMS[name][0]) is None]


def _postgresql(folder: Path) -> tuple[str, Process]:
    """A cluster of its own, with a password, reachable over loopback only. It does not run as root."""
    initdb_link = program("initdb")
    assert initdb_link is not None
    initdb = initdb_link.resolve()  # a link on the path; the server lies next to the real one
    user = _other_user("postgres")
    data, password, port = folder / "data", secrets.token_hex(16), free_port()
    secret = folder / "password"
    secret.write_text(password)
    if user:
        for path in (folder, secret):
            shutil.chown(path, user, user)
    _run([initdb, "-D", data, "-U", "lake", "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-sync",
          "--locale=C.UTF-8"], user)  # fmt: skip
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off",
               "shared_buffers": "32MB", "max_connections": 30, "timezone": "UTC",
               "wal_level": "logical", "max_replication_slots": 30}  # fmt: skip
    command = [
        initdb.with_name("postgres"),
        "-D",
        data,
        *(part for k, v in options.items() for part in ("-c", f"{k}={v}")),
    ]
    address = f"postgresql://lake:{password}@127.0.0.1:{port}"
    return address, Process(
        "PostgreSQL",
        command=command,
        folder=folder,
        user=user,
        is_ready=partial(_answers_postgresql, f"{address}/postgres"),
    )


def _mosquitto(folder: Path) -> tuple[str, Process]:
    """A broker that keeps sessions and messages when it is stopped and started again."""
    port = free_port()
    settings = folder / "mosquitto.conf"
    limits = "max_queued_messages 0\nmax_inflight_messages 0\nsys_interval 1\n"
    persistence = f"persistence true\npersistence_location {folder}/\nautosave_interval 0\n"
    settings.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\n{persistence}{limits}user {getpass.getuser()}\n"
    )
    command = [program("mosquitto"), "-c", settings]
    return f"mqtt://127.0.0.1:{port}", Process(
        "Mosquitto", command=command, folder=folder, user=None, is_ready=lambda: answers(port)
    )


def _redis(folder: Path) -> tuple[str, Process]:
    port = free_port()
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
    process = Process(
        "Redis", command=command, folder=folder, user=None, is_ready=lambda: answers(port, b"PING\r\n", b"+PONG")
    )
    return f"redis://127.0.0.1:{port}/0", process


def _kafka(folder: Path) -> tuple[str, Process]:
    java = program("java")
    assert java is not None
    return kafka.prepare(java, folder)


#: Server -> what makes its data in an empty folder and gives its address and its process, not yet started.
_PREPARED: dict[str, Callable[[Path], tuple[str, Process]]] = {
    "postgresql": _postgresql,
    "mosquitto": _mosquitto,
    "redis": _redis,
    "kafka": _kafka,
}


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


def _answers_postgresql(address: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(address, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False

"""Java archives of a server, as its makers released them: named with their SHA-256 in a list, downloaded once.

They are kept per user, outside the project (`~/.cache/customer-lake/jars`), laid out as in a Maven repository.
`python -m infra.services.jars` fetches what is missing, so that tests need no network; `infra/setup.sh test` does it.
"""

import hashlib
import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import LakeError
from contracts.settings import load_settings
from contracts.wording import many

KAFKA = Path(__file__).with_name("kafka.jars")
_TIMEOUT_SECONDS = 60.0
_AT_ONCE = 6


class JarsError(LakeError):
    """An archive cannot be fetched, or is not the one that the list names."""


@dataclass(frozen=True)
class Jar:
    """One archive by its Maven coordinates."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def path(self) -> str:
        """Where it lies in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.name}-{self.version}.jar"


def listed(listing: Path = KAFKA) -> list[Jar]:
    """The archives of a list: `group:name:version sha256:…`, one a line."""
    archives = []
    for line in listing.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, _, sha256 = line.partition(" sha256:")
            group, name, version = coordinates.split(":")
            archives.append(Jar(group, name=name, version=version, sha256=sha256))
    return archives


def folder() -> Path:
    """Where archives are kept, for all lakes of this user."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "customer-lake" / "jars"


def absent(listing: Path = KAFKA) -> list[Jar]:
    """Archives that are not here yet."""
    return [jar for jar in listed(listing) if not (folder() / jar.path).exists()]


def class_path(listing: Path = KAFKA) -> str:
    """The archives as Java wants them, each fetched if it is missing and checked against its hash.

    Raises:
        JarsError: one cannot be fetched, or is another than the list says.
    """
    fetch(listing)
    paths = [folder() / jar.path for jar in listed(listing)]
    for jar, path in zip(listed(listing), paths, strict=True):
        if hashlib.sha256(path.read_bytes()).hexdigest() != jar.sha256:
            raise JarsError(f"{path} is not the archive that {listing.name} names", cure="delete it and run again")
    return os.pathsep.join(map(str, paths))


def fetch(listing: Path = KAFKA) -> int:
    """Download what is missing; returns how many archives."""
    wanted = absent(listing)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_download, wanted))
    return len(wanted)


def _download(jar: Jar) -> None:
    address = f"{load_settings().maven_repository.rstrip('/')}/{jar.path}"
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise JarsError(
            f"{jar.name} {jar.version} cannot be fetched ({getattr(error, 'reason', error)})",
            cure="let this machine reach Maven Central, or set LAKE_MAVEN_REPOSITORY to a copy of it",
        ) from None
    if hashlib.sha256(content).hexdigest() != jar.sha256:
        raise JarsError(
            f"{jar.name} {jar.version} from the repository is not the archive that {KAFKA.name} names",
            cure="set LAKE_MAVEN_REPOSITORY to a repository that holds the released archives",
        )
    path = folder() / jar.path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")  # another process may fetch the same
    part.write_bytes(content)
    part.replace(path)


def main() -> int:
    """Fetch what is missing and say so; the exit code."""
    try:
        fetched = fetch()
    except JarsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{many(len(listed()), 'archive')} in {folder()}, {fetched} of them fetched now")
    return 0


if __name__ == "__main__":
    sys.exit(main())

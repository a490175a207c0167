"""Every setting of the project, read in this one place from `LAKE_*` variables or a `.env` file (docs/settings.md).

No other module reads a `LAKE_*` variable. Sources' addresses and secrets are not settings: the functions below read
them when they are used, so that imports work without them. What is not ours is read where it is needed: the user's
folders of configuration and caches (`XDG_*`), and the environment that a child process inherits.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import LakeError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class SettingsError(LakeError):
    """A setting has a value that cannot be used."""

    exit_code = 2


Port = Annotated[int, Field(ge=1, le=65_535)]


class Settings(BaseSettings):
    """Where the lake lives and how much of the machine it may use. The defaults need no set-up at all."""

    model_config = SettingsConfigDict(env_prefix="LAKE_", env_file=".env", extra="ignore")

    home: Path = Field(default=PROJECT_ROOT / ".lake", description="All state; deleting it is a fresh start.")
    delta_root: str | None = Field(default=None, description="Root of the Delta tables; default HOME/delta.")
    source_root: Path | None = Field(
        default=None, description="Where file and SQLite sources are; default the sandbox."
    )
    s3_endpoint: str | None = Field(default=None, description="Address of an S3 store that is not Amazon's.")
    s3_region: str | None = Field(default=None, description="Region of the S3 store; default AWS_REGION, us-east-1.")
    s3_allow_http: bool = Field(default=False, description="Talk to a store that is not on loopback unencrypted.")
    contracts: Path | None = Field(default=None, description="Folder of the contracts; default ingestion/sources.")
    now: datetime | None = Field(default=None, description="The only 'now' (UTC); default the sandbox's day, else UTC.")
    services: bool = Field(default=False, description="Use PostgreSQL, Redis and Mosquitto started by infra/services.")
    token_key_file: Path | None = Field(
        default=None, description="HMAC key of tokens, outside HOME, mode 600; default the user's configuration folder."
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 2,
        ge=1,
        description="Threads of one DuckDB step; default the cores of the machine.",
    )
    memory_limit: str = Field(
        default="4GB",
        pattern=r"^[0-9]*\.?[0-9]+ ?(%|([KMGTkmgt][Ii]?)?[Bb])$",
        description="Memory of one DuckDB step (`4GB`, `80%`); beyond it, it spills to HOME/tmp.",
    )
    identity_precision: float = Field(
        default=0.99, ge=0, le=1, description="Agreed precision on labelled pairs; links below it are not published."
    )
    identity_least_labels: int = Field(
        default=30, ge=1, description="Labelled pairs needed before IDENTITY_PRECISION blocks a run."
    )
    crash_at: str | None = Field(
        default=None, description="Tests only: the named point at which to die (lake.crash_points)."
    )
    maven_repository: str = Field(
        default="https://repo1.maven.org/maven2", description="Tests only: where Kafka's released archives are."
    )
    port_dagster: Port = Field(default=3000, description="Port of Dagster's UI on loopback.")
    port_portal: Port = Field(default=8080, description="Port of the quality portal on loopback.")
    port_person: Port = Field(default=8090, description="Port of the person page on loopback.")
    port_feast: Port = Field(default=6566, description="Port of Feast's feature server on loopback.")

    @property
    def tables_root(self) -> str:
        """Directory or `s3://` URL below which every Delta table lies."""
        return self.delta_root or str(self.home / "delta")

    @property
    def sources_root(self) -> Path:
        """Directory to which the relative paths of the contracts' local servers refer."""
        return self.source_root or self.home / "sandbox"


@lru_cache
def load_settings() -> Settings:
    """Read the settings once per process.

    Raises:
        SettingsError: a `LAKE_*` value cannot be used; names the variable and what was expected.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        problems = "; ".join(f"LAKE_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"settings cannot be used: {problems}", cure="correct the variable or the .env file"
        ) from None
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})


def home_name(size: int) -> str:
    """This lake's name at a source that several lakes may read: `size` bytes of a hash of where it lies, as hex."""
    return hashlib.blake2b(str(load_settings().home).encode(), digest_size=size).hexdigest()


def source_url(source: str) -> str | None:
    """Where a source is in this environment (`LAKE_SOURCE_<SOURCE>_URL`), None where its contract says it.

    Read when it is used, not kept: it may hold a password, and the sandbox's API changes its port with every run.
    """
    return os.environ.get(f"LAKE_SOURCE_{source.upper()}_URL") or None


def source_secret(source: str, name: str) -> str | None:
    """A secret of a source (`LAKE_SOURCE_<SOURCE>_<NAME>`: TOKEN, CLIENT_ID, …), read when it is used, never kept."""
    return os.environ.get(f"LAKE_SOURCE_{source.upper()}_{name}") or None


def s3_secret(name: str) -> str | None:
    """A key to S3 (`LAKE_S3_<NAME>`, else `AWS_<NAME>`), read when it is used, never kept."""
    return os.environ.get(f"LAKE_S3_{name}") or os.environ.get(f"AWS_{name}") or None


def reset_settings() -> None:
    """Clear the cache, so that the next `load_settings` reads a changed environment (tests, `lake up`)."""
    load_settings.cache_clear()


@contextmanager
def temporary_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the body of a `with`, then put back what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

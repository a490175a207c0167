"""Tables and drops in S3, or in a store with the same protocol: how delta-rs, DuckDB and Arrow reach it.

`LAKE_DELTA_ROOT=s3://bucket/prefix` puts the tables there. The keys are those of the usual variables
(`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`) or ours (`LAKE_S3_ACCESS_KEY_ID`, …); they are read
when they are used, given to the engines, and never logged.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pyarrow.fs as arrow_fs

from contracts.loopback import is_loopback
from contracts.settings import SettingsError, load_settings, s3_secret
from lake.sql.text import literal

SCHEME = "s3://"


@dataclass(frozen=True)
class Access:
    """How an S3 store is reached. `endpoint` is `host[:port]` of a store that is not Amazon's."""

    key_id: str
    key: str
    token: str | None
    region: str
    endpoint: str | None
    is_encrypted: bool

    def __repr__(self) -> str:
        return f"Access({self.region}, {self.endpoint})"

    @property
    def _protocol(self) -> str:
        return "https" if self.is_encrypted else "http"

    @property
    def url(self) -> str | None:
        """Address of a store that is not Amazon's."""
        return f"{self._protocol}://{self.endpoint}" if self.endpoint else None

    def for_delta(self) -> dict[str, str]:
        """As delta-rs takes it. Commits are puts that fail where the object is there already (`If-None-Match: *`)."""
        options = {
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.key,
            "aws_region": self.region,
            "aws_conditional_put": "etag",
        }
        if self.token:
            options["aws_session_token"] = self.token
        if self.url:
            options["aws_endpoint"] = self.url
            options["aws_virtual_hosted_style_request"] = "false"
            options["aws_allow_http"] = str(not self.is_encrypted).lower()
        return options

    def for_arrow(self) -> arrow_fs.S3FileSystem:
        """As Arrow's file system."""
        return arrow_fs.S3FileSystem(
            access_key=self.key_id,
            secret_key=self.key,
            session_token=self.token,
            region=self.region,
            endpoint_override=self.endpoint,
            scheme=self._protocol,
        )

    def for_duckdb(self) -> str:
        """The SQL that makes it known to a DuckDB connection."""
        options = {"key_id": self.key_id, "secret": self.key, "session_token": self.token, "region": self.region}
        if self.endpoint:
            options |= {"endpoint": self.endpoint, "url_style": "path"}
        credentials = ", ".join(f"{name} {literal(value)}" for name, value in options.items() if value)
        return f"create or replace temporary secret lake_s3 (type s3, use_ssl {self.is_encrypted}, {credentials})"


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two parts of an S3 URI."""
    bucket, _, key = uri.removeprefix(SCHEME).partition("/")
    return bucket, key


def is_remote(uri: str) -> bool:
    """Whether a place is in S3.

    Raises:
        SettingsError: it is neither in S3 nor a local path.
    """
    if "://" in uri and not uri.startswith(SCHEME):
        scheme = uri.partition("://")[0]
        raise SettingsError(f"tables cannot lie in {scheme}://", cure="set LAKE_DELTA_ROOT to a folder or an s3:// URL")
    return uri.startswith(SCHEME)


def store_access(endpoint: str | None = None) -> Access:
    """How S3 is reached in this environment; a source may have an endpoint of its own.

    Raises:
        SettingsError: keys are missing, or the way to the endpoint would not be encrypted.
    """
    settings = load_settings()
    key_id, key = s3_secret("ACCESS_KEY_ID"), s3_secret("SECRET_ACCESS_KEY")
    if not key_id or not key:
        raise SettingsError(
            "S3 is asked for, and there is no key to it",
            cure="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or LAKE_S3_ACCESS_KEY_ID and "
            "LAKE_S3_SECRET_ACCESS_KEY)",
        )
    named = "LAKE_S3_ENDPOINT" if endpoint is None else "the contract's endpointUrl"
    place = urlsplit(endpoint or settings.s3_endpoint or "")
    if place.scheme not in ("", "http", "https") or bool(place.scheme) != bool(place.hostname):
        raise SettingsError(f"{named} is no address", cure="give it as https://host or https://host:port, no path")
    if place.scheme == "http" and not (settings.s3_allow_http or is_loopback(place.hostname or "")):
        raise SettingsError(
            f"the way to {named} is not encrypted",
            cure="use https://, or set LAKE_S3_ALLOW_HTTP=true where the network itself is trusted",
        )
    return Access(
        key_id=key_id,
        key=key,
        token=s3_secret("SESSION_TOKEN"),
        region=settings.s3_region or s3_secret("REGION") or s3_secret("DEFAULT_REGION") or "us-east-1",
        endpoint=place.netloc.rpartition("@")[2] or None,
        is_encrypted=place.scheme != "http",
    )


def delta_options(uri: str) -> dict[str, str] | None:
    """What delta-rs needs in addition to a table's URI; None for a local folder."""
    return store_access().for_delta() if is_remote(uri) else None


def tables_below(uri: str, start: str = "") -> list[str]:
    """Paths, relative to an S3 URI, of the Delta tables below it (or below a folder of it), in any order."""
    store, root = store_access().for_arrow(), uri.removeprefix(SCHEME).rstrip("/")
    tables, folders = [], [PurePosixPath(root, start)]
    while folders:
        folder = folders.pop()
        listed = store.get_file_info(arrow_fs.FileSelector(str(folder), allow_not_found=True))
        below = [PurePosixPath(info.path) for info in listed if info.type == arrow_fs.FileType.Directory]
        below = [path for path in below if path.name == "_delta_log" or not path.name.startswith("_")]
        if any(path.name == "_delta_log" for path in below):
            tables.append(str(folder.relative_to(root)))
        else:
            folders += below
    return tables

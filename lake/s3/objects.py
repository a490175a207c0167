"""Objects of a bucket, by boto3: list them with their ETags, look at one, fetch one as it was listed, put files.

For what neither delta-rs nor Arrow does: Arrow lists times of change to the second, and an object that is replaced
within it would go unseen; and its `copy_files` returned as if all were well after an upload had failed (measured, on
a line that broke), so that a commit named a file that was not there.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from lake.s3.access import Access, bucket_and_key, store_access

#: Objects that one answer lists, as many as the store gives.
PAGE_KEYS = 1000
_CHUNK = 1 << 20
_SECONDS = 30
_TRIES = 4
NOT_FOUND, PRECONDITION_FAILED = 404, 412


@dataclass(frozen=True)
class StoredObject:
    """One object of a bucket."""

    key: str
    size: int
    etag: str


class BucketError(OSError):
    """The store refused a request, or does not answer; `status` is its HTTP status, 0 where there is none."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the store answered {status} {code}".strip() if status else f"it does not answer ({code})")
        self.status = status


def list_objects(store: Access, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Every object whose key begins with a prefix, by key.

    Raises:
        BucketError: the store refused, or cannot be reached.
    """
    with _store_errors():
        pages = _client(store).get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE_KEYS}):
            for item in page.get("Contents", []):
                yield StoredObject(item["Key"], item["Size"], item["ETag"].strip('"'))


def look_at(store: Access, bucket: str, key: str) -> StoredObject | None:
    """An object as it is now, None where there is none.

    Raises:
        BucketError: the store refused, or cannot be reached.
    """
    try:
        with _store_errors():
            head = _client(store).head_object(Bucket=bucket, Key=key)
    except BucketError as error:
        if error.status == NOT_FOUND:
            return None
        raise
    return StoredObject(key, head["ContentLength"], head["ETag"].strip('"'))


def fetch(store: Access, *, bucket: str, wanted: StoredObject, target: Path) -> None:
    """Write an object to a file; it is this very version (`If-Match`) or an error.

    Raises:
        BucketError: it was replaced or removed meanwhile, or the store refused.
        OSError: it came cut, or the disk is full.
    """
    with _store_errors(), target.open("wb") as file:
        body = _client(store).get_object(Bucket=bucket, Key=wanted.key, IfMatch=f'"{wanted.etag}"')["Body"]
        for chunk in body.iter_chunks(_CHUNK):
            file.write(chunk)
    if target.stat().st_size != wanted.size:
        raise OSError(f"came with {target.stat().st_size} of {wanted.size} bytes")


def upload(paths: Sequence[Path], uri: str) -> None:
    """Put files (5 GB each at most) below an S3 URI under their own names; the store checks the SHA-256 of each.

    An object appears when it is whole, never before.

    Raises:
        OSError: one could not be put; nothing may name any of them.
    """
    bucket, prefix = bucket_and_key(uri)
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        with _store_errors(), path.open("rb") as file:
            _client(store_access()).put_object(
                Bucket=bucket, Key=f"{prefix}/{path.name}", Body=file, ChecksumSHA256=base64.b64encode(digest).decode()
            )


@lru_cache(maxsize=8)
def _client(store: Access) -> Any:
    # Imported where it is used: half a second that a lake on a disk does not need.
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        aws_access_key_id=store.key_id,
        aws_secret_access_key=store.key,
        aws_session_token=store.token,
        region_name=store.region,
        endpoint_url=store.url,
        config=Config(
            s3={"addressing_style": "path" if store.endpoint else "auto"},
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            connect_timeout=_SECONDS,
            read_timeout=_SECONDS,
        ),
    )


@contextmanager
def _store_errors() -> Iterator[None]:
    """Raise what fails in the body as `BucketError` with the store's short code: its longer messages name keys."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        yield
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        code = str(error.response.get("Error", {}).get("Code", ""))
        raise BucketError(status, "" if code == str(status) else code) from None
    except (BotoCoreError, HTTPClientError) as error:
        raise BucketError(0, type(error).__name__) from None

"""Four requests to S3, signed (AWS Signature Version 4): list objects with their ETags, look at one, fetch, put.

For what neither delta-rs nor Arrow does: Arrow lists times of change to the second, and an object that is replaced
within it would go unseen; and its `copy_files` returned as if all were well after an upload had failed (measured, on
a line that broke), so that a commit named a file that was not there.
"""

import hashlib
import hmac
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote_plus, urlencode

import httpx

from lake.objects import Access, access, bucket_and_key

#: Objects that one answer lists, as many as the store gives.
PAGE_KEYS = 1000
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
#: Waits between tries, seconds: a store that is busy (503) or a line that broke.
_WAITS = (0.2, 1.0, 3.0)
_NO_BODY = hashlib.sha256(b"").hexdigest()
_CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredObject:
    """One object of a bucket."""

    key: str
    size: int
    etag: str


class S3Error(OSError):
    """The store refused a request; `status` is its HTTP status."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"the store answered {status} {code}".strip())
        self.status = status


def list_objects(store: Access, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Every object whose key begins with a prefix, by key.

    Raises:
        S3Error, httpx.HTTPError: the store refused, or cannot be reached.
    """
    query = {"list-type": "2", "prefix": prefix, "encoding-type": "url", "max-keys": str(PAGE_KEYS)}
    while True:
        page = ElementTree.fromstring(_ask(store, "GET", bucket, "", query).content)
        for item in page.iterfind("{*}Contents"):
            key, size, etag = (item.findtext(f"{{*}}{name}") or "" for name in ("Key", "Size", "ETag"))
            yield StoredObject(unquote_plus(key), int(size), etag.strip('"'))
        token = page.findtext("{*}NextContinuationToken")
        if not token:
            return
        query["continuation-token"] = token


def look_at(store: Access, bucket: str, key: str) -> StoredObject | None:
    """An object as it is now, None where there is none."""
    try:
        headers = _ask(store, "HEAD", bucket, key).headers
    except S3Error as error:
        if error.status == httpx.codes.NOT_FOUND:
            return None
        raise
    return StoredObject(key, int(headers["content-length"]), headers["etag"].strip('"'))


def fetch(store: Access, bucket: str, wanted: StoredObject, target: Path) -> None:
    """Write an object to a file; it is this very version (`If-Match`) or an error.

    Raises:
        S3Error: it was replaced or removed meanwhile, or the store refused.
        OSError: it came cut, or the disk is full.
    """
    url, headers = signed(store, "GET", bucket, wanted.key, {}, {"if-match": f'"{wanted.etag}"'}, datetime.now(UTC))
    with target.open("wb") as file, httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT) as answer:
        _hold(answer)
        for chunk in answer.iter_raw(_CHUNK):
            file.write(chunk)
    if target.stat().st_size != wanted.size:
        raise OSError(f"came with {target.stat().st_size} of {wanted.size} bytes")


def put(store: Access, bucket: str, key: str, source: Path) -> None:
    """Put a file as one object, whole (the store holds it to its SHA-256) or not at all. At most 5 GB.

    Raises:
        S3Error, httpx.HTTPError: the store refused, or cannot be reached.
        OSError: the file cannot be read.
    """
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()

    def send() -> httpx.Response:
        size = {"content-length": str(source.stat().st_size)}
        url, headers = signed(store, "PUT", bucket, key, {}, size, datetime.now(UTC), digest)
        with source.open("rb") as file:
            return httpx.put(url, headers=headers, content=iter(lambda: file.read(_CHUNK), b""), timeout=_TIMEOUT)

    _patiently(send)


def upload(paths: Sequence[Path], uri: str) -> None:
    """Put files below an S3 URI under their own names. An object appears when it is whole, never before.

    Raises:
        OSError: one could not be put; nothing may name any of them.
    """
    bucket, prefix = bucket_and_key(uri)
    for path in paths:
        try:
            put(access(), bucket, f"{prefix}/{path.name}", path)
        except httpx.HTTPError as error:
            raise OSError(f"{path.name} could not be brought to {uri} ({type(error).__name__})") from None


def signed(
    store: Access,
    method: str,
    bucket: str,
    key: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    at: datetime,
    digest: str = _NO_BODY,
) -> tuple[str, dict[str, str]]:
    """URL and headers of a request, as Signature Version 4 wants them; `digest` is the SHA-256 of its body."""
    path = quote(f"/{key}", safe="/-_.~")
    host = store.endpoint or f"{bucket}.s3.{store.region}.amazonaws.com"
    if store.endpoint:
        path = f"/{quote(bucket)}{path}"
    stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    sent = dict(headers) | {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    if store.token:
        sent["x-amz-security-token"] = store.token
    names = ";".join(sorted(sent))
    told = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
    canonical = "\n".join([method, path, told, *(f"{name}:{sent[name]}" for name in sorted(sent)), "", names, digest])
    scope = f"{day}/{store.region}/s3/aws4_request"
    key_of_day = f"AWS4{store.key}".encode()
    for part in scope.split("/"):
        key_of_day = hmac.new(key_of_day, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key_of_day, text.encode(), hashlib.sha256).hexdigest()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={store.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    protocol = "https" if store.is_encrypted else "http"
    return f"{protocol}://{host}{path}" + (f"?{told}" if told else ""), sent


def _ask(store: Access, method: str, bucket: str, key: str, query: Mapping[str, str] | None = None) -> httpx.Response:
    def send() -> httpx.Response:
        url, headers = signed(store, method, bucket, key, query or {}, {}, datetime.now(UTC))
        return httpx.request(method, url, headers=headers, timeout=_TIMEOUT)

    return _patiently(send)


def _patiently(send: Callable[[], httpx.Response]) -> httpx.Response:
    """A request that may be made twice, tried again where the store is busy or the line broke."""
    for wait in _WAITS:
        try:
            answer = send()
            if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                return _hold(answer)
        except httpx.TransportError:
            pass
        time.sleep(wait)
    return _hold(send())


def _hold(answer: httpx.Response) -> httpx.Response:
    """Raise what the store refused, by its own short code: its longer words name keys."""
    if answer.is_success:
        return answer
    answer.read()
    code = ""
    if answer.content.lstrip().startswith(b"<"):
        try:
            code = ElementTree.fromstring(answer.content).findtext("Code") or ""
        except ElementTree.ParseError:
            code = ""
    raise S3Error(answer.status_code, code)

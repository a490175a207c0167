"""The survey system's HTTP API, served from the sandbox's files while a run needs it. Loopback only.

`GET /v1/<entity>?after=<cursor>&limit=<1..10000>` answers
`{"data": [...], "next": <cursor> | null, "cursor": <cursor after the last row>}`, oldest delivery first. A cursor is
opaque; a wrong one is answered with 400, an unknown entity with 404. Rows of days that have not passed are not shown.
"""

import base64
import binascii
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

LIMIT, MOST = 1_000, 10_000
_READ = 1 << 20


class SurveyServer(ThreadingHTTPServer):
    """Serves one sandbox. Threads end with the process."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serve(root: Path, port: int = 0) -> Iterator[str]:
    """Serve the sandbox in `root` while the block runs; gives the base URL. Port 0 takes a free one."""
    server = SurveyServer(root, port)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="survey-api", daemon=True
    )
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page(root: Path, *, entity: str, after: str, limit: int) -> bytes | None:
    """One answer as JSON, None where there is no such entity.

    Raises:
        ValueError: the cursor is not one of ours.
    """
    path = root / "voice_of_customer" / f"{entity}.jsonl"
    if not entity.isidentifier() or not path.is_file():
        return None
    clock = json.loads((root / "clock.json").read_text()) if (root / "clock.json").exists() else {}
    end = clock.get("survey_bytes", {}).get(entity, path.stat().st_size)
    start = _position(after, end, path)
    with path.open("rb") as file:
        file.seek(start)
        lines = _whole_lines(file, end - start, limit)
    stop = start + sum(len(line) + 1 for line in lines)
    following = _cursor(stop) if stop < end else None
    return b'{"data": [%s], "next": %s, "cursor": %s}' % (
        b",".join(lines),
        json.dumps(following).encode(),
        json.dumps(_cursor(stop)).encode(),
    )


def _whole_lines(file: BinaryIO, room: int, limit: int) -> list[bytes]:
    body = b""
    while room > 0 and body.count(b"\n") < limit:
        chunk = file.read(min(_READ, room))
        if not chunk:
            break
        body += chunk
        room -= len(chunk)
    return body.split(b"\n")[:-1][:limit]


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"survey:{position}".encode()).decode()


def _position(cursor: str, end: int, path: Path) -> int:
    """Where a cursor points to: the start of a line that is there (or their end)."""
    if not cursor:
        return 0
    try:
        name, _, digits = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        position = int(digits)
    except (binascii.Error, ValueError):
        raise ValueError("not a cursor of this API") from None
    if name != "survey" or not 0 <= position <= end:
        raise ValueError("not a cursor of this API")
    if position:
        with path.open("rb") as file:
            file.seek(position - 1)
            if file.read(1) != b"\n":
                raise ValueError("not a cursor of this API")
    return position


class _Handler(BaseHTTPRequestHandler):
    server: SurveyServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one page."""
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        try:
            limit = int(query.get("limit", [str(LIMIT)])[0])
            if not 1 <= limit <= MOST:
                raise ValueError(f"limit must lie between 1 and {MOST}")
            parts = address.path.strip("/").split("/")
            body = (
                page(self.server.root, entity=parts[1], after=query.get("after", [""])[0], limit=limit)
                if len(parts) == 2 and parts[0] == "v1"
                else None
            )
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, json.dumps({"error": str(error)}).encode())
            return
        if body is None:
            self._answer(HTTPStatus.NOT_FOUND, b'{"error": "no such entity"}')
        else:
            self._answer(HTTPStatus.OK, body)

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses hold cursors, and a run has its own log."""

"""A shop's paged API on loopback, whose ways and troubles a test can choose; with a token server of its own."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.connectors.apis import rest
from tests.landing_lake import Shop


@dataclass
class Api:
    """The shop's API: rows in order, a cursor that is their number, and troubles to come first."""

    rows: list[Any] = field(default_factory=list)
    troubles: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)  # seconds until an answer begins
    paging: str = "cursor"
    most: int = 10_000  # rows that a page may have, whatever is asked
    says_total: bool = False
    unseen: int = 0  # rows that the total counts and no page shows
    tokens: set[str] | None = None  # who may read; None is everybody
    seen: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    token_seconds: int = 3600
    port: int = 0

    def answer(self, path: str, query: dict[str, str], authorization: str) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(query)
        self.seen.append(authorization)
        if self.delays:
            time.sleep(self.delays.pop(0))
        if self.troubles:
            return self.troubles.pop(0)
        if self.tokens is not None and authorization.removeprefix("Bearer ") not in self.tokens:
            return 401, {}, b""
        if self.paging != "cursor":
            return self.numbered(path, query)
        start = int(query["after"] or 0)
        end = min(start + int(query["limit"]), len(self.rows))
        following = str(end) if end < len(self.rows) else None
        page = {"data": self.rows[start:end], "next": following, "cursor": str(end)}
        return 200, {}, json.dumps(page).encode()

    def numbered(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        number, size = int(query.get("page", 1)), min(int(query["limit"]), self.most)
        rows = self.rows[(number - 1) * size : number * size]
        if self.paging == "link":
            link = f'<{path}?page={number + 1}&limit={size}>; rel="next", <{path}>; rel="first"'
            return 200, {"Link": link} if number * size < len(self.rows) else {}, json.dumps(rows).encode()
        page = {"data": rows} | ({"total": len(self.rows) + self.unseen} if self.says_total else {})
        return 200, {"Content-Type": "application/json"}, json.dumps(page).encode()


@pytest.fixture
def api(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            first = {name: values[0] for name, values in query.items()}
            self.reply(*api.answer(urlsplit(self.path).path, first, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            """The token server: a token for the one client that it knows."""
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            if login != "lake:s3cr3t-of-the-lake" or "grant_type=client_credentials" not in form:
                return self.reply(401, {}, b"{}")
            api.tokens = {f"token-{len(api.fetched)}"}
            api.fetched.extend(api.tokens)
            body = {"access_token": api.fetched[-1], "token_type": "Bearer", "expires_in": api.token_seconds}
            self.reply(200, {}, json.dumps(body).encode())

        def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in ({"Content-Length": str(len(body)), "Connection": "close"} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    shop.document["servers"] = [{"server": "embedded", "type": "api", "location": "http://127.0.0.1:1"}]
    shop.document["schema"][0]["physicalName"] = "/v1/sales"
    shop.declare()
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", f"http://127.0.0.1:{server.server_port}")
    api.port = server.server_port
    monkeypatch.setattr(rest, "RETRY_SECONDS", (0.01, 0.02))
    yield api
    server.shutdown()
    server.server_close()


def say(shop: Shop, **options: Any) -> None:
    """Let the contract's server say how its API is read."""
    shop.document["servers"][0]["customProperties"] = [{"property": k, "value": v} for k, v in options.items()]
    shop.declare()

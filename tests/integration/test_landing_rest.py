"""A paged API: each row once, the API's own cursor kept with it; trouble is waited out a little, then reported."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.connectors import rest
from ingestion.landing import has_new
from lake.tables import table_version
from tests.landing_lake import Shop, sale


@dataclass
class Api:
    """The shop's API: rows in order, a cursor that is their number, and troubles to come first."""

    rows: list[Any] = field(default_factory=list)
    troubles: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)

    def answer(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(query)
        if self.troubles:
            return self.troubles.pop(0)
        start = int(query["after"] or 0)
        end = min(start + int(query["limit"]), len(self.rows))
        following = str(end) if end < len(self.rows) else None
        page = {"data": self.rows[start:end], "next": following, "cursor": str(end)}
        return 200, {}, json.dumps(page).encode()


@pytest.fixture
def api(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            status, headers, body = api.answer({name: values[0] for name, values in query.items()})
            self.send_response(status)
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
    monkeypatch.setattr(rest, "RETRY_SECONDS", (0.01, 0.02))
    yield api
    server.shutdown()
    server.server_close()


def test_pages_land_and_the_cursor_goes_on_where_it_stood(
    shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "PAGE_ROWS", 10)
    monkeypatch.setattr(rest, "BATCH_PAGES", 2)
    api.rows = [sale(n) for n in range(45)]
    shop.land()
    assert shop.counts().landed == 45
    assert len({batch for (batch,) in shop.rows("batch_id")}) == 3
    version = table_version("bronze/shop/sales")
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version("bronze/shop/sales") == version
    api.rows += [sale(45), sale(45), sale(46, pieces="x")]
    api.requests.clear()
    shop.land()
    assert api.requests[0]["after"] == "45"
    counts = shop.counts()
    assert (counts.landed, counts.doubled, counts.quarantined) == (46, 1, 1)


def test_numbers_and_texts_come_through_as_they_were_sent(shop: Shop, api: Api) -> None:
    api.rows = [sale(1, amount_cny=0.1, buyer="0012"), sale(2, pieces=2**70), sale(3, buyer="👩 שלום")]
    shop.land()
    assert shop.rows("sale_id, amount_cny, buyer") == [("S1", 0.1, "0012"), ("S3", 9.5, "👩 שלום")]
    assert shop.counts().quarantined == 1


def test_empty_page_changes_nothing(shop: Shop, api: Api) -> None:
    api.rows = [sale(1)]
    shop.land()
    api.rows = []
    assert shop.land().state == "idle"
    assert shop.counts().landed == 1


PASSING = {
    "busy": (429, {"Retry-After": "0"}, b""),
    "server error": (503, {}, b"try later"),
    "cut": (200, {"Content-Length": "5000"}, b'{"data": ['),
}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING.keys())
def test_passing_trouble_is_waited_out(shop: Shop, api: Api, trouble: tuple[int, dict[str, str], bytes]) -> None:
    api.rows = [sale(1)]
    api.troubles = [trouble, trouble]
    assert shop.land(full_refresh=True).state == "landed"
    assert shop.counts().landed == 1


LASTING = {
    "server error": (500, {}, b"no"),
    "not found": (404, {}, b"no"),
    "not JSON": (200, {}, b"<html>"),
    "another shape": (200, {}, b'{"rows": []}'),
    "no cursor": (200, {}, json.dumps({"data": [sale(9)], "next": None}).encode()),
}


@pytest.mark.parametrize("trouble", LASTING.values(), ids=LASTING.keys())
def test_lasting_trouble_is_reported_with_cure_and_nothing_is_lost(
    shop: Shop, api: Api, trouble: tuple[int, dict[str, str], bytes]
) -> None:
    api.rows = [sale(1)]
    shop.land()
    api.rows += [sale(2)]
    api.troubles = [trouble] * 10
    result = shop.land()
    assert result.state == "failed"
    assert "/v1/sales" in (result.error or "")
    assert result.cure
    api.troubles = []
    assert shop.land().state == "landed"
    assert shop.counts().landed == 2

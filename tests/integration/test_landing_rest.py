"""A paged API: each row once, the API's own cursor kept with it; trouble is waited out a little, then reported."""

import json
import time
from typing import Any

import pytest

from contracts.contract_file import ContractError
from ingestion.connectors.apis import client as rest_client
from ingestion.connectors.apis import rest
from ingestion.landing.land import has_new
from lake.tables import table_version
from tests.landing_lake import Shop, sale
from tests.rest_api import Api, api, say

__all__ = ["api"]


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
    "cut before it was sent": (200, {}, b'{"data": [{"sale_id": "S1'),
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


WAYS = {
    "pages": {"paging": "page"},
    "pages with a total": {"paging": "page", "says_total": True},
    "pages shorter than asked": {"paging": "page", "most": 7},
    "links": {"paging": "link"},
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def paged(shop: Shop, api: Api, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An API without a cursor of its own, in pages of ten rows."""
    for name, value in request.param.items():
        setattr(api, name, value)
    say(shop, paging=api.paging, pageRows=10)
    monkeypatch.setattr(rest, "BATCH_PAGES", 2)
    return api


def test_pages_without_a_cursor_land_once_and_go_on_on_the_last_one(shop: Shop, paged: Api) -> None:
    api = paged
    for rows in (45, 45, 50, 71):
        before = len(api.rows)
        api.rows += [sale(n) for n in range(len(api.rows), rows)]
        assert has_new("shop") == (rows > before)
        assert shop.land().state == ("landed" if rows > before else "idle")
        assert shop.counts().landed == rows
    api.rows += [sale(0), sale(80, pieces="x")]
    api.requests.clear()
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.doubled, counts.quarantined) == (73, 71, 1, 1)
    assert len(api.requests) <= 8, "what was read is not read again"


@pytest.mark.parametrize("place", [0, 12], ids=["at the front", "in between"])
def test_rows_that_come_before_the_last_page_are_found(shop: Shop, paged: Api, place: int) -> None:
    paged.rows = [sale(n) for n in range(45)]
    shop.land()
    paged.rows[place:place] = [sale(n) for n in range(100, 103)]
    assert has_new("shop")
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.doubled) == (48, 48, 0)
    assert shop.land().state == "idle"


def test_list_that_has_shrunk_loses_and_duplicates_nothing(shop: Shop, paged: Api) -> None:
    paged.rows = [sale(n) for n in range(45)]
    shop.land()
    paged.rows = [*paged.rows[30:], sale(50)]
    shop.land()
    assert (shop.counts().landed, shop.counts().doubled) == (46, 0)
    paged.rows = []
    shop.land()
    assert shop.counts().landed == 46


def test_list_that_shrinks_while_it_is_read_is_read_again(shop: Shop, api: Api) -> None:
    api.paging, api.says_total = "page", True
    say(shop, paging="page", pageRows=10)
    api.rows = [sale(n) for n in range(35)]
    api.troubles = [api.numbered("", {"page": str(page), "limit": "10"}) for page in (1, 2)]
    del api.rows[3]  # after page 2 was given: S20 slips to it, unread
    assert shop.land(full_refresh=True).state == "landed"
    assert shop.counts().landed == 35
    assert shop.land().state == "idle"


def test_total_that_is_never_reached_is_reported_and_what_is_there_lands(shop: Shop, api: Api) -> None:
    api.paging, api.says_total, api.unseen = "page", True, 2
    say(shop, paging="page", pageRows=10)
    api.rows = [sale(n) for n in range(15)]
    for _ in range(2):
        result = shop.land()
        assert result.state == "failed"
        assert "says it has 17 rows and gives 15" in (result.error or "")
        assert (shop.counts().landed, shop.counts().doubled) == (15, 0)


def test_page_that_never_ends_is_stopped(shop: Shop, api: Api) -> None:
    say(shop, paging="page", pageRows=10)
    api.troubles = [(200, {}, json.dumps([sale(n) for n in range(10)]).encode())] * 50
    result = shop.land()
    assert result.state == "failed"
    assert "over and over" in (result.error or "")
    assert len(api.requests) < 12


def test_links_in_a_circle_are_stopped(shop: Shop, api: Api) -> None:
    say(shop, paging="link")
    api.troubles = [
        (200, {"Link": f'</v1/sales?at={n % 3}&limit=9>; rel="next"'}, json.dumps([sale(n)]).encode())
        for n in range(50)
    ]
    result = shop.land()
    assert "over and over" in (result.error or "")
    assert len(api.requests) < 12


def test_link_to_another_server_is_not_followed(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SOURCE_SHOP_TOKEN", "s3cr3t-of-the-lake")
    say(shop, paging="link")
    for link in (f"http://localhost:{api.port}/v1/sales?page=2", "//elsewhere.example/v1/sales"):
        api.troubles = [(200, {"Link": f'<{link}>; rel="next"'}, json.dumps([sale(1)]).encode())] * 2
        result = shop.land(full_refresh=True)
        assert result.state == "failed"
        assert "another server" in (result.error or "")


def test_redirect_is_followed_at_home_only(shop: Shop, api: Api) -> None:
    api.rows = [sale(1)]
    api.troubles = [(307, {"Location": "/v2/sales?after=&limit=1000"}, b"")]
    assert shop.land(full_refresh=True).state == "landed"
    api.troubles = [(302, {"Location": f"http://localhost:{api.port}/login"}, b"")] * 2
    assert "another server" in (shop.land(full_refresh=True).error or "")


def test_login_page_in_front_of_the_api_is_named(shop: Shop, api: Api) -> None:
    api.troubles = [(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>")] * 9
    result = shop.land()
    assert "'text/html', not JSON" in (result.error or "")
    assert len(api.requests) == 2, "asked once by a look, once by a read: trying again would not help"


def test_server_that_wants_to_be_left_alone_is_waited_for_a_little_and_left_alone_if_long(shop: Shop, api: Api) -> None:
    api.rows = [sale(1)]
    dates = {"Date": "Tue, 30 Jun 2026 12:00:00 GMT", "Retry-After": "Tue, 30 Jun 2026 12:00:01 GMT"}
    api.troubles = [(429, dates, b"")]
    started = time.monotonic()
    assert shop.land(full_refresh=True).state == "landed"
    assert time.monotonic() - started > 0.9
    api.troubles = [(503, {"Retry-After": "3600"}, b"")] * 9
    api.requests.clear()
    result = shop.land(full_refresh=True)
    assert "left alone for 3600 s" in (result.error or "")
    assert len(api.requests) == 1


def test_answer_that_does_not_come_in_time_is_tried_again_and_reported(
    shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_client, "TIMEOUT_SECONDS", 0.2)
    api.rows, api.delays = [sale(1)], [0.5, 0.5]
    assert shop.land(full_refresh=True).state == "landed"
    api.delays = [0.5] * 9
    started = time.monotonic()
    result = shop.land(full_refresh=True)
    assert time.monotonic() - started < 5
    assert "ReadTimeout" in (result.error or "")
    assert result.cure


def test_page_too_large_to_be_held_is_rejected_with_cure(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_client, "PAGE_BYTES", 1000)
    api.rows = [sale(n) for n in range(20)]
    result = shop.land()
    assert result.state == "failed"
    assert "pageRows" in (result.cure or "")


@pytest.mark.parametrize(("option", "value"), [("paging", "pages"), ("pageRows", 0), ("pageRows", "many")])
def test_option_that_cannot_be_is_rejected_by_name(shop: Shop, api: Api, option: str, value: Any) -> None:
    say(shop, **{option: value})
    with pytest.raises(ContractError, match=option):
        shop.land()

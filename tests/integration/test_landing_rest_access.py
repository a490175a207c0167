"""Who we are to an API: a bearer token or an OAuth2 client; sent to that API only, and written nowhere."""

import json

import pytest

from tests.landing_lake import Shop, sale
from tests.rest_api import Api, api, say

__all__ = ["api"]


def test_bearer_token_comes_from_the_environment_and_is_shown_nowhere(
    shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.rows, api.tokens = [sale(1)], {"s3cr3t-of-the-lake"}
    result = shop.land()
    assert result.state == "failed"
    assert "LAKE_SOURCE_SHOP_TOKEN" in (result.cure or "")
    monkeypatch.setenv("LAKE_SOURCE_SHOP_TOKEN", "s3cr3t-of-the-lake")
    assert shop.land().state == "landed"
    api.tokens = set()
    assert "s3cr3t" not in str(shop.land(full_refresh=True))
    monkeypatch.setenv("LAKE_SOURCE_SHOP_URL", f"http://lake:s3cr3t-of-the-lake@127.0.0.1:{api.port}")
    rejected = shop.land(full_refresh=True)
    assert rejected.error
    assert "s3cr3t" not in str(rejected)
    log = shop.home / "delta" / "bronze" / "shop" / "sales" / "_delta_log"
    assert not [path for path in log.iterdir() if b"s3cr3t" in path.read_bytes()]


@pytest.fixture
def oauth(shop: Shop, api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An API that wants a token of its own making."""
    api.tokens = set()
    say(shop, tokenUrl="/oauth/token", pageRows=2)
    monkeypatch.setenv("LAKE_SOURCE_SHOP_CLIENT_ID", "lake")
    monkeypatch.setenv("LAKE_SOURCE_SHOP_CLIENT_SECRET", "s3cr3t-of-the-lake")
    api.rows = [sale(n) for n in range(9)]
    return api


def test_oauth_token_is_fetched_once_and_used(shop: Shop, oauth: Api) -> None:
    assert shop.land().state == "landed"
    assert (shop.counts().landed, oauth.fetched) == (9, ["token-0"])


def test_oauth_token_that_has_ended_is_fetched_anew(shop: Shop, oauth: Api) -> None:
    oauth.token_seconds = 0
    assert shop.land(full_refresh=True).state == "landed"
    assert len(oauth.fetched) >= 5


def test_oauth_token_that_is_withdrawn_is_fetched_anew_once(shop: Shop, oauth: Api) -> None:
    oauth.troubles = [(200, {}, json.dumps({"data": oauth.rows[:2], "next": "2", "cursor": "2"}).encode())]
    oauth.troubles += [(401, {}, b"")]
    assert shop.land(full_refresh=True).state == "landed"
    assert (shop.counts().landed, len(oauth.fetched)) == (9, 2)
    oauth.troubles = [(401, {}, b"")] * 9
    result = shop.land(full_refresh=True)
    assert "rejects our requests" in (result.error or "")
    assert "LAKE_SOURCE_SHOP_CLIENT_ID" in (result.cure or "")


def test_oauth_client_that_is_wrong_is_reported_without_its_secret(
    shop: Shop, oauth: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_SOURCE_SHOP_CLIENT_SECRET", "wr0ng-s3cr3t")
    result = shop.land()
    assert result.state == "failed"
    assert "wr0ng" not in str(result)

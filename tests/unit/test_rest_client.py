"""What an API's headers and links say, read without a server."""

import httpx
import pytest

from ingestion.connectors.apis.access import Access
from ingestion.connectors.apis.client import RestClient, _next_link, _retry_after
from ingestion.connectors.base import SourceError

NOON = "Tue, 30 Jun 2026 12:00:00 GMT"


def client(url: str = "https://lake:s3cr3t@api.example:8443/v1/sales") -> RestClient:
    return RestClient(url, Access("shop", base_url=url))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "Tue, 30 Jun 2026 12:00:09 GMT", "Date": NOON}, 9.0),
        ({"Retry-After": "Tue, 30 Jun 2026 11:59:00 GMT", "Date": NOON}, 0.0),
    ],
)
def test_wish_to_be_left_alone_is_read_as_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert _retry_after(httpx.Headers(headers)) == seconds


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('</v1/sales?page=2>; rel="next"', "/v1/sales?page=2"),
        ('</a?x=1,2>; rel="prev", </b?x=3;y=4>; title="a, b"; rel="next"', "/b?x=3;y=4"),
        ("</a>; rel=next", "/a"),
        ('</a>; title="rel=next"; rel="prev last", </b>;REL="last Next"', "/b"),
        ('</a>; rel="last"', None),
    ],
)
def test_next_page_is_found_among_the_links(link: str, target: str | None) -> None:
    assert _next_link(httpx.Headers({"Link": link})) == target


def test_link_at_home_keeps_our_login_and_others_are_rejected() -> None:
    ours = client()
    for link in ("/v1/sales?page=2", "https://api.example:8443/v1/sales?page=2", "?page=2"):
        assert ours.same_origin(link, ours.url) == "https://lake:s3cr3t@api.example:8443/v1/sales?page=2"
    for link in (
        "http://api.example:8443/x",
        "https://api.example/x",
        "//other.example:8443/x",
        "https://api.example:8443@evil/",
    ):
        with pytest.raises(SourceError, match="another server") as rejected:
            ours.same_origin(link, ours.url)
        assert "s3cr3t" not in str(rejected.value)


def test_messages_name_the_api_without_its_secrets() -> None:
    error = client("https://lake:s3cr3t@api.example/v1/sales?key=s3cr3t").broken("answers 500")
    assert "https://api.example/v1/sales" in str(error)
    assert "s3cr3t" not in str(error)

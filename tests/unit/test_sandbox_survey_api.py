"""The survey API: every row once and in order, a cursor to go on from, and clear refusals."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox.survey_api import serve
from infra.sandbox.world import advance
from tests.unit import sandbox_worlds


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_worlds.make(tmp_path_factory.mktemp("survey"), persons=400, days=40)


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    with serve(root) as address:
        yield address


def get(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def walk(url: str, entity: str, limit: int, after: str = "") -> tuple[list[Any], str]:
    found = []
    while True:
        page = get(f"{url}/v1/{entity}?after={after}&limit={limit}")
        assert len(page["data"]) <= limit
        found += page["data"]
        after = page["cursor"]
        if page["next"] is None:
            return found, after
        assert page["next"] == after


@pytest.mark.parametrize("entity", ["invitations", "responses", "social_mentions", "panel_members", "panel_reports"])
def test_pages_hold_every_row_once_oldest_delivery_first(root: Path, url: str, entity: str) -> None:
    lines = (root / "voice_of_customer" / f"{entity}.jsonl").read_text().splitlines()
    found, _ = walk(url, entity, 7)
    assert found == [json.loads(line) for line in lines]
    assert [row["delivered_at"] for row in found] == sorted(row["delivered_at"] for row in found)


def test_page_size_makes_no_difference(url: str) -> None:
    assert walk(url, "invitations", 3)[0] == walk(url, "invitations", 10_000)[0]


def test_a_cursor_at_the_end_brings_only_what_came_since(root: Path, url: str) -> None:
    before, cursor = walk(url, "invitations", 100)
    assert walk(url, "invitations", 100, cursor) == ([], cursor)
    path = root / "voice_of_customer" / "invitations.jsonl"
    for _ in range(3):
        advance(root)
    since, _ = walk(url, "invitations", 100, cursor)
    assert [json.loads(line) for line in path.read_text().splitlines()] == before + since
    assert since


def test_rows_of_a_day_that_has_not_passed_are_not_shown(root: Path, url: str) -> None:
    before, _ = walk(url, "responses", 100)
    path = root / "voice_of_customer" / "responses.jsonl"
    with path.open("a") as file:
        file.write('{"response_id": "left behind by a killed advance"}\n')
    assert walk(url, "responses", 100)[0] == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/invitations?after=nonsense", 400),
        ("/v1/invitations?after=c3VydmV5OjU=", 400),
        ("/v1/invitations?limit=0", 400),
        ("/v1/invitations?limit=many", 400),
        ("/v1/unheard_of", 404),
        ("/v1/..%2Fclock", 404),
        ("/", 404),
    ],
)
def test_wrong_requests_are_rejected(url: str, path: str, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as rejected:
        get(url + path)
    assert rejected.value.code == status
    assert "error" in json.load(rejected.value)

"""Whom the person page answers, and that looking at a file leaves a trace but no values."""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from contracts.catalogue.tables import ACCESS_LOG
from contracts.settings import PROJECT_ROOT
from governance import access_log
from lake.tables import open_table, table_version
from tests.integration import person_lake
from tests.integration.person_lake import FORMER, MEI, PERSONAL, TWIN, Served, plain
from web import loopback, loopback_guard, socket_owner

# Who is answered


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "example.com", ""])
def test_page_refuses_to_listen_where_others_reach_it(host: str) -> None:
    with pytest.raises(loopback.HostError, match="no roles yet"):
        loopback.loopback_address(host)


def test_command_rejects_a_public_address_with_a_cure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "web.person", "--host", "0.0.0.0"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "refused to listen on 0.0.0.0" in done.stderr
    assert "cure: keep 127.0.0.1" in done.stderr


def test_foreign_name_that_points_here_is_rejected(person_page: Served, visitor: httpx.Client) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8090",
        "localhost.evil.example",
        "127.0.0.1@evil.example:x",
    ):
        assert visitor.get(f"/person/{MEI}", headers={"Host": host}).status_code == 421, host
    for host in ("localhost:1234", "127.0.0.1:1", "[::1]:1"):  # a tunnel's port is another one
        assert visitor.get("/health", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
     {"Origin": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_search_from_another_site_is_rejected(person_page: Served, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{person_page.url}/find", data={"who": MEI}, headers=headers, trust_env=False)
    assert answer.status_code == 403


def test_search_of_a_browser_that_hides_its_origin_is_answered(person_page: Served) -> None:
    """Under `no-referrer` a browser says `Origin: null` of our own form."""
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{person_page.url}/find", data={"who": MEI}, headers=own, trust_env=False)
    assert answer.status_code == 303


def test_every_answer_forbids_foreign_code_frames_and_keeping(visitor: httpx.Client) -> None:
    answers = [
        visitor.get("/"), visitor.get(f"/person/{MEI}"), visitor.get("/person/p_nobody"), visitor.get("/nothing"),
        visitor.post("/find", data={"who": MEI}), visitor.get("/", headers={"Host": "evil.example"}),
    ]  # fmt: skip
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    assert visitor.get("/assets/person.css").headers["cache-control"] == "no-cache"
    assert visitor.get("/assets/..%2fapp.py").status_code == 404
    assert visitor.put("/").status_code == 405


def test_kernel_shows_whose_connection_it_is_and_others_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert socket_owner.owner_of(client.getsockname(), server.getsockname()) == os.getuid()
        assert socket_owner.owner_of(("127.0.0.1", 1), server.getsockname()) is None
    monkeypatch.setattr(loopback_guard, "owner_of", lambda client, server: os.getuid() + 4711)
    status, said = _ask(_well)
    assert status == 403
    assert "Start your own" in said


async def _well(scope: loopback_guard.Scope, receive: loopback_guard.Receive, send: loopback_guard.Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


def _ask(app: loopback_guard.Application) -> tuple[int, str]:
    """A request to a guarded application, without a server between."""
    sent: list[loopback_guard.Message] = []

    async def receive() -> loopback_guard.Message:
        return {"type": "http.request", "body": b""}

    async def send(message: loopback_guard.Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    asyncio.run(loopback_guard.Guard(app)(scope, receive, send))
    return sent[0]["status"], sent[-1]["body"].decode()


# What looking leaves behind


def views(home: Path) -> list[dict[str, Any]]:
    with person_lake.lake_at(home):
        table = open_table(ACCESS_LOG)
        rows: list[dict[str, Any]] = table.to_pyarrow_table().to_pylist() if table is not None else []
        return rows


def test_every_view_is_noted_once_with_the_account_and_no_value(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with person_lake.lake_at(home):
        person_lake.make()
    with person_lake.served(home) as page:
        for path in (
            f"/person/{MEI}",
            f"/person/{FORMER}",
            f"/person/{TWIN}?day=2026-05-09",
            f"/person/{TWIN}/journey",
            "/",
            "/person/p_no",
        ):
            httpx.get(page.url + path, trust_env=False)
        httpx.post(
            f"{page.url}/find", data={"who": person_lake.SHARED_EMAIL}, headers={"Origin": page.url}, trust_env=False
        )
        page.process.kill()  # nothing was flushed: the next server takes it up
        page.process.wait()
    assert views(home) == []
    with person_lake.served(home):
        pass
    noted = views(home)
    assert [(row["person_id"], row["what"]) for row in noted] == [
        (MEI, "file"), (MEI, "file"), (TWIN, "as_of:2026-05-09"), (TWIN, "journey"), (MEI, "choice"), (TWIN, "choice")
    ]  # fmt: skip
    assert {row["viewed_by"] for row in noted} == {socket_owner.name_of(os.getuid())}
    with person_lake.lake_at(home):
        version = table_version(ACCESS_LOG)
        assert access_log.flush() == 0, "where nobody looked nothing is written"
        assert table_version(ACCESS_LOG) == version
        everything = b"".join(path.read_bytes() for path in (home / "delta" / "ops").rglob("*.json"))
    assert not [value for value in PERSONAL if value.encode() in everything or json.dumps(value).encode() in everything]


def test_spool_that_was_committed_but_not_removed_is_not_written_twice(tmp_path: Path) -> None:
    with person_lake.lake_at(tmp_path / "home"):
        access_log.note(MEI, "file", "somebody")
        spool = tmp_path / "home" / "access_log" / "open.jsonl"
        kept = spool.read_bytes()
        assert access_log.flush() == 1
        stream = pa.compute.unique(pa.array([path.stem for path in spool.parent.iterdir() if path.suffix == ".jsonl"]))
        assert len(stream) == 0
        committed = open_table(ACCESS_LOG)
        assert committed is not None
        name = next(iter(_streams(tmp_path / "home"))).partition(":")[2]
        (spool.parent / f"{name}.jsonl").write_bytes(kept)  # as if the server was killed after the commit
        assert access_log.flush() == 0
    assert len(views(tmp_path / "home")) == 1


def _streams(home: Path) -> Iterator[str]:
    for path in (home / "delta" / ACCESS_LOG / "_delta_log").glob("*.json"):
        for line in path.read_text().splitlines():
            if "txn" in (action := json.loads(line)):
                yield action["txn"]["appId"]


def test_what_cannot_be_noted_is_not_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with person_lake.lake_at(home):
        person_lake.make()
    (home / "access_log").write_text("a file where the folder should be")
    with person_lake.served(home) as page:
        answer = httpx.get(f"{page.url}/person/{MEI}", trust_env=False)
        assert answer.status_code == 503
        assert "it is not shown" in plain(answer)
        assert not [value for value in PERSONAL if value in answer.text]


def test_log_of_the_server_holds_no_value(person_page: Served, visitor: httpx.Client) -> None:
    for typed in (person_lake.MEI_EMAIL, person_lake.MEI_PHONE, "nobody.at.all@home.example"):
        visitor.post("/find", data={"who": typed})
    visitor.get(f"/person/{MEI}?page=nobody.at.all@home.example")
    said = person_page.log.read_text()
    assert "nobody.at.all" not in said
    assert not [value for value in PERSONAL if value in said]


def test_error_is_logged_by_kind_and_place_only(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: loopback_guard.Scope, receive: loopback_guard.Receive, send: loopback_guard.Send) -> None:
        raise ValueError(f"could not convert string '{person_lake.MEI_EMAIL}'")

    with caplog.at_level(logging.DEBUG):
        status, said = _ask(broken)
    assert status == 500
    assert "ValueError at test_person_page_guard.py" in caplog.text
    assert person_lake.MEI_EMAIL not in caplog.text + said

"""The page of one person's file: what it shows, whom it answers, and that looking leaves a trace but no values."""

import asyncio
import html
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights.person_page import access_log, guard, peer, words
from insights.person_page.waterfall import Step, pour
from lake.settings import PROJECT_ROOT
from lake.tables import open_table, table_version
from tests.integration import person_lake
from tests.integration.person_lake import BUSY, BUSY_EVENTS, FORMER, HOSTILE, MEI, PARTED, TWIN, Served
from tests.small_lake import SmallLake

PERSONAL = (person_lake.MEI_EMAIL, person_lake.SHARED_EMAIL, "13900000001", "陈梅", "Mei Chen")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page of the lake of five people."""
    home = tmp_path_factory.mktemp("persons") / "home"
    with person_lake.opened(home):
        person_lake.make()
    with person_lake.served(home) as served:
        yield served


@pytest.fixture(scope="module")
def browser(page: Served) -> Iterator[httpx.Client]:
    """What a browser sends from our own page."""
    with httpx.Client(base_url=page.url, headers={"Origin": page.url}, trust_env=False, timeout=60) as client:
        yield client


def plain(answer: httpx.Response) -> str:
    """The text that a reader sees, in one line."""
    text = re.sub(r"<[^>]*>", " ", re.sub(r"</?bdi>", "", answer.text))
    return re.sub(r"\s+", " ", html.unescape(text))


# Who is answered


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "example.com", ""])
def test_page_refuses_to_listen_where_others_reach_it(host: str) -> None:
    with pytest.raises(guard.HostError, match="no roles yet"):
        guard.loopback(host)


def test_command_refuses_a_public_address_with_a_cure() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "insights.person_page", "--host", "0.0.0.0"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "refused to listen on 0.0.0.0" in done.stderr
    assert "cure: keep 127.0.0.1" in done.stderr


def test_foreign_name_that_points_here_is_refused(page: Served, browser: httpx.Client) -> None:
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8090",
        "localhost.evil.example",
        "127.0.0.1@evil.example:x",
    ):
        assert browser.get(f"/person/{MEI}", headers={"Host": host}).status_code == 421, host
    for host in ("localhost:1234", "127.0.0.1:1", "[::1]:1"):  # a tunnel's port is another one
        assert browser.get("/health", headers={"Host": host}).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
     {"Origin": "http://127.0.0.1:1"}],
)  # fmt: skip
def test_search_from_another_site_is_refused(page: Served, headers: dict[str, str]) -> None:
    answer = httpx.post(f"{page.url}/find", data={"who": MEI}, headers=headers, trust_env=False)
    assert answer.status_code == 403


def test_search_of_a_browser_that_hides_its_origin_is_answered(page: Served) -> None:
    """Under `no-referrer` a browser says `Origin: null` of our own form."""
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{page.url}/find", data={"who": MEI}, headers=own, trust_env=False)
    assert answer.status_code == 303


def test_every_answer_forbids_foreign_code_frames_and_keeping(browser: httpx.Client) -> None:
    answers = [
        browser.get("/"), browser.get(f"/person/{MEI}"), browser.get("/person/p_nobody"), browser.get("/nothing"),
        browser.post("/find", data={"who": MEI}), browser.get("/", headers={"Host": "evil.example"}),
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
    assert browser.get("/assets/page.css").headers["cache-control"] == "no-cache"
    assert browser.get("/assets/..%2fapp.py").status_code == 404
    assert browser.put("/").status_code == 405


def test_kernel_tells_whose_connection_it_is_and_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert peer.owner_of(client.getsockname(), server.getsockname()) == os.getuid()
        assert peer.owner_of(("127.0.0.1", 1), server.getsockname()) is None
    monkeypatch.setattr(guard, "owner_of", lambda client, server: os.getuid() + 4711)
    status, said = _ask(_well)
    assert status == 403
    assert "Start your own" in said


async def _well(scope: guard.Scope, receive: guard.Receive, send: guard.Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


def _ask(app: guard.Application) -> tuple[int, str]:
    """A request to a guarded application, without a server between."""
    sent: list[guard.Message] = []

    async def receive() -> guard.Message:
        return {"type": "http.request", "body": b""}

    async def send(message: guard.Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    asyncio.run(guard.Guard(app)(scope, receive, send))
    return sent[0]["status"], sent[-1]["body"].decode()


# Search


@pytest.mark.parametrize(
    "typed", [MEI, f"  {MEI} ", " MEI.chen@HOME.example", "+86 139-0000-0001", "＋８６ １３９００００ ０００１"]
)
def test_person_is_found_however_typed_and_no_value_gets_into_an_address(browser: httpx.Client, typed: str) -> None:
    answer = browser.post("/find", data={"who": typed})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/person/{MEI}"


def test_shared_address_lets_one_choose(browser: httpx.Client) -> None:
    answer = browser.post("/find", data={"who": person_lake.SHARED_EMAIL})
    assert answer.status_code == 200
    assert f'href="/person/{MEI}"' in answer.text
    assert f'href="/person/{TWIN}"' in answer.text
    assert "2 persons show that e-mail address" in plain(answer)
    assert "陈梅" in plain(answer)


@pytest.mark.parametrize(
    ("typed", "cure"),
    [("nobody@home.example", "Check its spelling"), ("p_nobody", "twenty letters"), ("+44 7700 900123", "country code"),
     ("陈梅", "Type one of the three"), ("", "Type one of the three"), ("x" * 4000, "Type one of the three"),
     ("<b>@home.example", "Check its spelling")],
)  # fmt: skip
def test_who_is_not_found_is_told_what_to_do(browser: httpx.Client, typed: str, cure: str) -> None:
    answer = browser.post("/find", data={"who": typed})
    assert answer.status_code == 404
    assert cure in plain(answer)
    assert "<b>" not in answer.text
    assert browser.post("/find", content=b"who=" + b"x" * 9000).status_code == 413


def test_first_page_shows_the_last_merges_and_splits_and_no_values(browser: httpx.Client) -> None:
    answer = browser.get("/")
    told = plain(answer)
    assert f"split {PARTED} parted off with 1 record of {MEI}" in told
    assert f"merge {MEI} took in 1 record of {FORMER}" in told
    assert told.index(f"split {PARTED}") < told.index(f"merge {MEI}")
    assert "5 persons, made of 7 records" in told
    assert "1 pair of records of which the matcher is not sure" in told
    assert f"{TWIN} and {MEI} −3.5 bits The matcher cannot say k7q2m4x1" in told
    assert not [value for value in PERSONAL if value in answer.text]


# The file


def test_old_id_leads_to_the_file_it_is_part_of(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{FORMER}"))
    assert f"asked for as {FORMER}" in told
    assert f"{MEI} · Customer Lake" not in told
    assert "陈梅" in told


def test_file_tells_values_with_source_time_and_runner_up(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{MEI}"))
    assert "陈梅 Mei Chen" in told, "the name stands there in both scripts"
    for text in (
        "40-49 years",
        "vip",
        f"email {person_lake.MEI_EMAIL} crm 2026-04-02",
        "Mei Chen orders, 2026-04-02 · behind by source trust",
        "420 CNY",
    ):
        assert text in told, text


def test_file_tells_consents_households_identifiers_and_systems(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{MEI}"))
    for text in (
        "✕ email refused 2026-06-01",
        "! sms expired 2026-06-21",
        "✓ any granted since",
        "… app not yet 2026-07-21",
        "declared head 2 members",
        "with Lan Chen (sister)",
        f"{person_lake.SHARED_EMAIL} also shown by 1 other",
        "crm 1 record · 1 event 1 customer registered",
        "orders 1 record · 13 events",
    ):
        assert text in told, text


def test_file_tells_what_ties_each_record(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{MEI}"))
    assert "orders:person:a same email +31 bits held since 2026-05-10" in told
    assert "web_app:person:b same cookie id +9.5 bits held since the beginning" in told
    assert "by itself" in plain(browser.get(f"/person/{TWIN}"))


def test_only_the_end_of_a_national_id_is_shown(browser: httpx.Client) -> None:
    answer = browser.get(f"/person/{MEI}")
    assert "11010519850401002X" not in answer.text
    assert f"national id {'•' * 14}002X" in plain(answer)


def test_open_doubts_are_told_with_their_waterfall_and_who_decides(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{MEI}"))
    assert f"crm:customers:C2 and web_app:person:b , of {TWIN}" in told
    assert "prior −8.0 email +9.0 name −4.5 all together −3.5" in told
    assert "lake identity label k7q2m4x1 same|different" in told
    assert "closed01" not in told
    assert f", of {MEI}" in plain(browser.get(f"/person/{TWIN}"))
    assert "Waiting for a judgement" not in plain(browser.get(f"/person/{BUSY}"))


@given(st.lists(st.integers(-60, 60), max_size=12), st.integers(-60, 60))
def test_bars_begin_where_the_one_before_ended_and_end_at_the_total(steps: list[int], total: int) -> None:
    fall = pour([Step(f"step {number}", bits) for number, bits in enumerate(steps)], total)
    ends = [fall.zero]
    for bar in fall.bars:
        assert min(bar.at, bar.at + bar.wide) >= -1e-6
        assert bar.at + bar.wide <= 100 + 1e-6
        begins, ended = (bar.at, bar.at + bar.wide) if bar.step.bits >= 0 else (bar.at + bar.wide, bar.at)
        assert begins == pytest.approx(ends[-1], abs=1e-6)
        ends.append(ended)
    if fall.bars:
        reached = fall.total.at + (fall.total.wide if total >= 0 else 0)
        assert ends[-1] == pytest.approx(reached, abs=0.5)


def test_history_tells_merges_and_splits_and_any_past_day(browser: httpx.Client) -> None:
    told = plain(browser.get(f"/person/{MEI}"))
    assert f"merge Took in 1 record of {FORMER}" in told
    assert f"split Gave 1 record to the new {PARTED}" in told
    before = plain(browser.get(f"/person/{MEI}", params={"day": "2026-05-09"}))
    assert "On 2026-05-09 the file held 3 records; it holds 3 now" in before
    assert f"＋ orders:person:a was part of {FORMER}" in before
    assert f"－ orders:person:c is part of {PARTED} now" in before
    assert "held the same 3 records as now" in plain(browser.get(f"/person/{MEI}", params={"day": "2026-06-03"}))
    for day in ("1899-01-01", "0001-01-01", "9999-12-31"):
        assert browser.get(f"/person/{MEI}", params={"day": day}).status_code == 200, day
    assert browser.get(f"/person/{MEI}", params={"day": "yesterday"}).status_code == 422


def test_thousands_of_events_make_no_heavy_page_and_each_is_on_one_page(browser: httpx.Client) -> None:
    whole = browser.get(f"/person/{BUSY}")
    assert len(whole.content) < 200_000
    assert f"{BUSY_EVENTS:,}" in plain(whole)
    seen: list[str] = []
    for number in range(1, 4):
        page = browser.get(f"/person/{BUSY}/journey", params={"source": "devices", "page": number})
        assert f"Page {number} of 3" in plain(page)
        seen += re.findall(r"order (O\d+)", plain(page))
    assert len(seen) == len(set(seen)) == BUSY_EVENTS // 200
    beyond = browser.get(f"/person/{BUSY}/journey", params={"source": "devices", "page": 999_999})
    assert "Page 3 of 3" in plain(beyond)


def test_troubles_are_marked_and_early_events_do_not_flatten_the_picture(browser: httpx.Client) -> None:
    answer = browser.get(f"/person/{MEI}")
    assert answer.text.count('<tr class="trouble">') > 5
    assert 'aria-current="true">a year<' in answer.text
    assert "1 event, 1 earlier" in plain(answer), "what lies before the span is counted"
    assert 'aria-current="true">all<' in browser.get(f"/person/{MEI}", params={"span": "all"}).text


def test_hostile_values_are_text_like_any_other(browser: httpx.Client) -> None:
    for answer in (
        browser.get(f"/person/{HOSTILE}"),
        browser.post("/find", data={"who": person_lake.HOSTILE_VALUES["email"]}),
    ):
        assert "<script>document" not in answer.text
        assert "<svg/onload" not in answer.text
        assert "<img" not in answer.text
    answer = browser.get(f"/person/{HOSTILE}")
    assert "&lt;script&gt;" in answer.text
    assert "\u202e" not in answer.text
    assert "202E" in plain(answer), "the mark that turns the reading direction is shown by its code"
    assert "👩‍👩‍👧" in answer.text
    assert "{{ 7 * 7 }}" in plain(answer)
    assert "10,039 characters" in plain(answer)
    assert len(answer.content) < 60_000


@given(st.text(max_size=300))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    shown = str(words.value(text, 1000))
    inside = shown.removeprefix("<bdi>").removesuffix("</bdi>")
    assert re.sub(r"<span class=mark>[0-9A-F]{4,6}</span>", "", inside).count("<") == 0
    assert '"' not in inside


def test_what_a_run_adds_is_seen_without_a_restart(page: Served, browser: httpx.Client) -> None:
    assert "added meanwhile" not in plain(browser.get(f"/person/{TWIN}"))
    with person_lake.opened(page.home):
        person_lake.add_event(TWIN, "added_meanwhile")
    assert "added meanwhile" in plain(browser.get(f"/person/{TWIN}"))


def test_lake_without_tables_says_how_to_fill_it(tmp_path: Path) -> None:
    with person_lake.served(tmp_path / "home") as empty:
        front = httpx.get(empty.url, trust_env=False)
        assert front.status_code == 200
        assert "lake run" in plain(front)
        assert httpx.get(f"{empty.url}/person/p_x", trust_env=False).status_code == 404


# What looking leaves behind


def views(home: Path) -> list[dict[str, Any]]:
    with person_lake.opened(home):
        table = open_table(access_log.TABLE)
        rows: list[dict[str, Any]] = table.to_pyarrow_table().to_pylist() if table is not None else []
        return rows


def test_every_view_is_noted_once_with_the_account_and_no_value(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with person_lake.opened(home):
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
    assert {row["viewed_by"] for row in noted} == {peer.name_of(os.getuid())}
    with person_lake.opened(home):
        version = table_version(access_log.TABLE)
        assert access_log.flush() == 0, "where nobody looked nothing is written"
        assert table_version(access_log.TABLE) == version
        everything = b"".join(path.read_bytes() for path in (home / "delta" / "ops").rglob("*.json"))
    assert not [value for value in PERSONAL if value.encode() in everything or json.dumps(value).encode() in everything]


def test_spool_that_was_committed_but_not_removed_is_not_written_twice(tmp_path: Path) -> None:
    with person_lake.opened(tmp_path / "home"):
        access_log.note(MEI, "file", "somebody")
        spool = tmp_path / "home" / "access_log" / "open.jsonl"
        kept = spool.read_bytes()
        assert access_log.flush() == 1
        stream = pa.compute.unique(pa.array([path.stem for path in spool.parent.iterdir() if path.suffix == ".jsonl"]))
        assert len(stream) == 0
        committed = open_table(access_log.TABLE)
        assert committed is not None
        name = next(iter(_streams(tmp_path / "home"))).partition(":")[2]
        (spool.parent / f"{name}.jsonl").write_bytes(kept)  # as if the server was killed after the commit
        assert access_log.flush() == 0
    assert len(views(tmp_path / "home")) == 1


def _streams(home: Path) -> Iterator[str]:
    for path in (home / "delta" / access_log.TABLE / "_delta_log").glob("*.json"):
        for line in path.read_text().splitlines():
            if "txn" in (action := json.loads(line)):
                yield action["txn"]["appId"]


def test_what_cannot_be_noted_is_not_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with person_lake.opened(home):
        person_lake.make()
    (home / "access_log").write_text("a file where the folder should be")
    with person_lake.served(home) as page:
        answer = httpx.get(f"{page.url}/person/{MEI}", trust_env=False)
        assert answer.status_code == 503
        assert "it is not shown" in plain(answer)
        assert not [value for value in PERSONAL if value in answer.text]


def test_log_of_the_server_holds_no_value(page: Served, browser: httpx.Client) -> None:
    for typed in (person_lake.MEI_EMAIL, person_lake.MEI_PHONE, "nobody.at.all@home.example"):
        browser.post("/find", data={"who": typed})
    browser.get(f"/person/{MEI}?page=nobody.at.all@home.example")
    said = page.log.read_text()
    assert "nobody.at.all" not in said
    assert not [value for value in PERSONAL if value in said]


def test_error_is_logged_by_kind_and_place_only(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: guard.Scope, receive: guard.Receive, send: guard.Send) -> None:
        raise ValueError(f"could not convert string '{person_lake.MEI_EMAIL}'")

    with caplog.at_level(logging.DEBUG):
        status, said = _ask(broken)
    assert status == 500
    assert "ValueError at test_person_page.py" in caplog.text
    assert person_lake.MEI_EMAIL not in caplog.text + said


# The lake of the pipeline


def test_pipelines_own_lake_is_shown_and_agrees_with_its_marts(small_lake: SmallLake) -> None:
    from insights.person_page.consents import read_consents
    from insights.person_page.person import View, read_person
    from insights.person_page.reading import reader, rows
    from lake.tables import scan

    with small_lake.opened(), reader() as con:
        profiles = rows(
            con,
            f"""select person_id, consents, events_count, records_count from {scan("marts/person_profile")}
                order by sources_count desc, person_id limit 40""",
        )
        assert any(profile["consents"] for profile in profiles)
        for profile in profiles:
            granted = [
                f"{c.purpose}:{c.channel}" for c in read_consents(con, profile["person_id"]) if c.state == "granted"
            ]
            assert sorted(granted) == profile["consents"], profile["person_id"]
        shown = read_person(profiles[0]["person_id"], View())
        assert shown.name
        assert shown.records_count == profiles[0]["records_count"]
        assert (
            sum(lane.events for lane in shown.journey.picture.lanes if shown.journey.picture)
            == profiles[0]["events_count"]
        )

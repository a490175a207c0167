"""Checks and portal over a whole small lake: what is right passes, each planted fault is caught, no value gets out."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.catalogue.lookup import all_tables
from contracts.catalogue.tables import QUALITY_RESULTS
from contracts.contract_file import load_contracts
from expectations import history, runner
from expectations.check import CheckResult, blocking_failures
from lake.tables import table_version
from tests.contract_rows import NOW
from tests.declared_tables import own_table
from tests.integration import quality_lake
from tests.integration.quality_lake import PLANTED, Promise
from tests.lake_context import lake_settings, opened
from tests.page_texts import untranslated
from web.portal import render
from web.portal.server import portal_server

LAYERS = ("bronze", "identity", "marts", "features")


@dataclass(frozen=True)
class Runs:
    """What came of the clean lake, what was broken then, and what came of that."""

    home: Path
    clean: list[CheckResult]
    planted: dict[Promise, str]
    broken: list[CheckResult]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    home = tmp_path_factory.mktemp("quality")
    with opened(lake_settings(home, now=NOW, key=home / "token.key")):
        quality_lake.make()
        clean = [result for layer in LAYERS for result in runner.run(layer)]
        planted = quality_lake.plant()
        broken = [result for layer in LAYERS for result in runner.run(layer)]
        yield Runs(home, clean, planted, broken)


def failures(results: Sequence[CheckResult]) -> dict[Promise, str]:
    return {(r.table, r.column, r.name): r.severity for r in results if not r.passed}


def test_lake_without_a_fault_passes_every_check(runs: Runs) -> None:
    assert len(runs.clean) > 600
    assert not failures(runs.clean)


def test_every_planted_fault_is_caught_and_nothing_else(runs: Runs) -> None:
    assert failures(runs.broken) == runs.planted


def test_what_blocks_is_distinguished_from_what_warns(runs: Runs) -> None:
    blocked = blocking_failures(runs.broken)
    assert {(r.table, r.column, r.name) for r in blocked} == {p for p, s in runs.planted.items() if s == "block"}


def test_failure_says_what_where_how_many_and_the_cure(runs: Runs) -> None:
    result = next(r for r in runs.broken if r.name == "is_a_known_value" and not r.passed)
    assert (result.table, result.column, result.observed) == ("bronze/crm/customers", "gender", "1 row")
    assert result.expected == "one of: F, M, X"
    assert "bronze/crm/customers.gender" in result.message
    assert result.cure


def test_no_result_no_commit_and_no_page_holds_a_value_of_a_person(runs: Runs) -> None:
    page = render.build().read_text(encoding="utf-8")
    kept = [path for path in (runs.home / "delta" / "ops").rglob("*") if path.is_file()]
    assert kept
    for value in PLANTED:
        assert value not in repr(runs.broken)
        assert value not in page
        for path in kept:
            assert value.encode() not in path.read_bytes(), path


def test_a_run_is_one_commit_and_a_run_of_nothing_is_none(runs: Runs) -> None:
    before = table_version(QUALITY_RESULTS)
    assert before is not None
    runner.run("features", ["purchases"])
    assert table_version(QUALITY_RESULTS) == before + 1
    runner.run("features", [])
    runner.run("ops", [])
    runner.run("features", ["features/purchases"], keep=False)
    assert table_version(QUALITY_RESULTS) == before + 1


def test_only_the_tables_asked_for_are_checked(runs: Runs) -> None:
    found = runner.run("bronze", ["crm/consents", "bronze/orders/returns"], keep=False)
    assert {r.table for r in found} == {"bronze/crm/consents", "bronze/orders/returns"}


@pytest.mark.parametrize(("layer", "table"), [("silver", None), ("marts", "no_such_table")])
def test_layer_or_table_that_is_not_there_is_wrong_usage(runs: Runs, layer: str, table: str | None) -> None:
    with pytest.raises(runner.UnknownTableError) as rejected:
        runner.run(layer, table and [table], keep=False)
    assert rejected.value.exit_code == 2


def test_table_that_has_a_suite_and_is_not_there_blocks(runs: Runs, tmp_path: Path) -> None:
    suite = tmp_path / "marts" / "forgotten.yaml"
    suite.parent.mkdir()
    suite.write_text("checks: [{rows: 1}]\n")
    found = runner.run("marts", ["forgotten"], keep=False, suites=tmp_path)
    assert [(r.name, r.passed, r.severity) for r in found] == [("is_there", False, "block")]


def test_query_over_a_table_that_is_not_there_fails_and_says_so(runs: Runs, tmp_path: Path) -> None:
    suite = tmp_path / "marts" / "person_profile.yaml"
    suite.parent.mkdir()
    suite.write_text(
        'checks: [{name: x, expected: y, query: select 1 from "marts/forgotten"}, {unique: [person_id]}]\n'
    )
    first, second = runner.run("marts", ["person_profile"], keep=False, suites=tmp_path)
    assert not first.passed
    assert "marts/forgotten" in first.observed
    assert second.passed


def test_history_is_bounded(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    from lake.sql.connections import connect

    bounded = "ops/quality_results_bounded"
    monkeypatch.setattr(history, "QUALITY_RESULTS", bounded)
    monkeypatch.setattr(history, "RUNS_KEPT", 2)
    monkeypatch.setattr(history, "RUNS_AT_MOST", 4)
    with own_table(bounded, history.SCHEMA):
        for _ in range(5):
            history.append(runs.clean[:3])
    with connect() as connection:
        past = history.past(connection, runs=100)
        assert len(past) == 2 * 3
        assert len(history.newest_results(connection)) == 3


def test_a_fault_put_right_passes_and_the_page_says_since_when(runs: Runs) -> None:
    from web.portal.gather import gather

    page = gather()
    profile = next(t for t in page.tables if t.name == "marts/person_profile")
    failed = next(c for c in profile.checks if c.result.name == "every_person_has_a_file")
    assert [outcome.passed for outcome in failed.past] == [True, False]
    assert failed.failing_since == NOW


@dataclass(frozen=True)
class Counted:
    """A counter as landing gives it."""

    source: str
    entity: str
    received: int
    landed: int
    quarantined: int
    doubled: int


def test_page_is_whole_in_itself_and_bounded(runs: Runs) -> None:
    english = render.build()
    for text in (english.read_text("utf-8"), english.with_name("index.zh.html").read_text("utf-8")):
        _assert_whole_in_itself(text)


def _assert_whole_in_itself(text: str) -> None:
    assert len(text) < 2_000_000
    assert not re.findall(r"<(?:link|script|img|iframe|form)[^>]+(?:src|href|action)=.(?!data:)", text)
    # Links lead to places of the page, to the page in another language, and to the other pages on this machine.
    assert not re.findall(r"href=.(?!#|data:|index(?:\.zh)?\.html\"|http://127\.0\.0\.1:\d+/)", text)
    assert not re.findall(r"@import|url\(", text)
    assert "default-src &#39;none&#39;" in text
    assert "unsafe" not in text


def test_page_shows_what_fails_first_whom_it_concerns_and_what_is_unaccounted_for(runs: Runs) -> None:
    lost = Counted("orders", "returns", received=100, landed=90, quarantined=5, doubled=3)
    text = render.build(counters=[lost]).read_text(encoding="utf-8")
    assert (
        text.index("✕ Records unaccounted for") < text.index("✕ Stops publication") < text.index("! Warning</span>\n")
    )
    assert "Head of Sales Operations" in text
    assert "✕ off by 2" in text
    assert f"{len(blocking_failures(runs.broken))} problems stop publication" in text


def test_silent_source_is_reported_once_for_all_its_tables(runs: Runs) -> None:
    from web.portal.gather import gather

    fresh = [p for p in gather().problems if p.check.result.name == "source_is_fresh"]
    assert len(fresh) == 1
    assert len(fresh[0].places) == 5


def test_command_builds_the_page(runs: Runs) -> None:
    from cli import build_app

    done = CliRunner().invoke(build_app(), ["quality", "build"])
    assert done.exit_code == 0, done.output
    assert Path(done.output.strip()) == runs.home / "reports" / "quality" / "index.html"


def test_command_opens_the_page_and_where_no_browser_is_says_where_it_lies(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    import webbrowser

    from cli import build_app

    opened: list[str] = []

    class Browser:
        def open(self, address: str) -> None:
            opened.append(address)

    def none() -> Browser:
        raise webbrowser.Error("no browser")

    page = render.build()
    monkeypatch.setattr(webbrowser, "get", Browser)
    assert CliRunner().invoke(build_app(), ["quality", "open"]).output.strip() == str(page)
    assert opened == [page.as_uri()]
    monkeypatch.setattr(webbrowser, "get", none)
    assert CliRunner().invoke(build_app(), ["quality", "open"]).output.strip() == str(page)


def test_port_that_is_taken_is_reported_with_its_cure(runs: Runs) -> None:
    from web.loopback import PortTakenError

    with portal_server() as first, pytest.raises(PortTakenError) as rejected:
        portal_server(port=first.server_port)
    assert rejected.value.exit_code == 2


def test_server_gives_the_page_and_nothing_else_of_the_lake(runs: Runs) -> None:
    from http.client import HTTPConnection
    from threading import Thread

    render.build()
    (runs.home / "reports" / "quality" / "empty").mkdir(exist_ok=True)
    with portal_server() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        answers = {}
        for path in ("/", "/../../token.key", "/%2e%2e/%2e%2e/token.key", "/empty/"):
            connection = HTTPConnection("127.0.0.1", server.server_port)
            connection.putrequest("GET", path, skip_host=False)
            connection.endheaders()
            answer = connection.getresponse()
            answer.read()
            answers[path] = answer.status
            connection.close()
        server.shutdown()
    assert answers == {"/": 200, "/../../token.key": 404, "/%2e%2e/%2e%2e/token.key": 404, "/empty/": 404}


def test_portal_stands_behind_the_guard_of_all_pages_and_speaks_both_languages(runs: Runs) -> None:
    from threading import Thread

    import httpx

    render.build()
    with portal_server() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as visitor:
            assert visitor.get("/", headers={"Host": "evil.example"}).status_code == 421
            assert visitor.post("/").status_code == 403
            english, chinese = visitor.get("/"), visitor.get("/", headers={"Accept-Language": "zh-CN,en;q=0.5"})
            assert '<html lang="en">' in english.text
            assert '<html lang="zh-Hans">' in chinese.text
            for answer in (english, chinese, visitor.get("/nothing")):
                policy = answer.headers["content-security-policy"]
                assert policy.startswith("default-src 'none'")
                assert "frame-ancestors 'none'" in policy
                assert "unsafe" not in policy
            head = visitor.head("/")
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == english.headers["content-length"]
            chosen = visitor.get("/index.zh.html", follow_redirects=True)
            assert '<html lang="zh-Hans">' in chosen.text
            assert '<html lang="zh-Hans">' in visitor.get("/").text, "the choice is remembered"
        server.shutdown()


def _names_of_the_lake() -> set[str]:
    """What stands within Chinese sentences as it is: tables, columns, their allowed values and forms, who answers."""
    contracts = load_contracts()
    columns = [column for c in contracts for entity in c.entities.values() for column in entity.columns]
    texts = [table.name for table in all_tables()] + [name for table in all_tables() for name in table.schema.names]
    texts += [text for c in contracts for text in (c.source, c.steward, c.owner)]
    texts += [str(value) for column in columns for value in (column.allowed or ())]
    texts += [column.pattern or "" for column in columns]
    return {word for text in texts for word in re.findall(r"[A-Za-z][A-Za-z_]+", text)}


def test_chinese_page_leaves_only_names_and_what_the_contracts_say_in_english(runs: Runs) -> None:
    lost = Counted("orders", "returns", received=100, landed=90, quarantined=5, doubled=3)
    text = render.build(counters=[lost]).with_name("index.zh.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in text
    allowed = {word for result in runs.broken for word in re.findall(r"\w+", result.expected.partition("one of: ")[2])}
    assert not sorted({*untranslated(text, _names_of_the_lake() | allowed)})
    english = set(re.findall(r'<span lang="en">(.*?)</span>', text))
    said = {sentence for result in runs.broken for sentence in (result.expected, result.observed, result.cure)}
    assert not {html.unescape(sentence) for sentence in english} & said, "what checks say is translated"


def test_empty_lake_has_a_page_too(tmp_path: Path) -> None:
    with opened(lake_settings(tmp_path / "home", now=NOW)):
        assert runner.run("bronze") == []
        text = render.build().read_text(encoding="utf-8")
        assert "Nothing has been checked yet" in text
        assert "never delivered" in text
        assert table_version(QUALITY_RESULTS) is None

"""The page of one person shows what the lake knows, and where each value comes from; hostile values are harmless."""

import html
import re
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.review.explain import Comparison, Tie
from persons.records import Record
from tests.integration import person_lake
from tests.integration.person_lake import (
    BUSY,
    BUSY_EVENTS,
    FORMER,
    HOSTILE,
    MEI,
    PARTED,
    PERSONAL,
    SHARED_EMAIL,
    TWIN,
    Served,
    plain,
)
from tests.page_texts import untranslated
from tests.small_lake import SmallLake
from web.language import texts
from web.person.waterfall import Step, pour
from web.person.why import explain
from web.writing import Writing

WRITING = Writing(texts("en"))
#: Names of the systems of this lake; no page translates them.
CATALOGUED = {"crm", "orders", "web_app", "contact_centre", "devices", "campaigns"}

# Search


@pytest.mark.parametrize(
    "typed", [MEI, f"  {MEI} ", " MEI.chen@HOME.example", "+86 139-0000-0001", "＋８６ １３９００００ ０００１"]
)
def test_person_is_found_however_typed_and_no_value_gets_into_an_address(visitor: httpx.Client, typed: str) -> None:
    answer = visitor.post("/find", data={"who": typed})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/person/{MEI}"


def test_shared_address_lets_one_choose(visitor: httpx.Client) -> None:
    answer = visitor.post("/find", data={"who": person_lake.SHARED_EMAIL})
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
def test_who_is_not_found_is_shown_what_to_do(visitor: httpx.Client, typed: str, cure: str) -> None:
    answer = visitor.post("/find", data={"who": typed})
    assert answer.status_code == 404
    assert cure in plain(answer)
    assert "<b>" not in answer.text
    assert visitor.post("/find", content=b"who=" + b"x" * 9000).status_code == 413


def test_first_page_shows_the_last_merges_and_splits_and_no_values(visitor: httpx.Client) -> None:
    answer = visitor.get("/")
    page_text = plain(answer)
    assert f"split {PARTED} parted off with 1 record of {MEI}" in page_text
    assert f"merge {MEI} took in 1 record of {FORMER}" in page_text
    assert page_text.index(f"split {PARTED}") < page_text.index(f"merge {MEI}")
    assert "5 persons, made of 7 records" in page_text
    assert "1 pair of records of which the matcher is not sure" in page_text
    assert f"{TWIN} and {MEI} −3.5 bits The matcher cannot say k7q2m4x1" in page_text
    assert not [value for value in PERSONAL if value in answer.text]


# The file


def test_old_id_leads_to_the_file_it_is_part_of(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{FORMER}"))
    assert f"asked for as {FORMER}" in page_text
    assert f"{MEI} · Customer Lake" not in page_text
    assert "陈梅" in page_text


def test_file_shows_values_with_source_time_and_runner_up(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{MEI}"))
    assert "陈梅 Mei Chen" in page_text, "the name stands there in both scripts"
    for text in (
        "40-49 years",
        "vip",
        f"email {person_lake.MEI_EMAIL} crm 2026-04-02",
        "Mei Chen orders, 2026-04-02 · behind by source trust",
        "420 CNY",
    ):
        assert text in page_text, text


def test_file_shows_consents_households_identifiers_and_systems(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{MEI}"))
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
        assert text in page_text, text


def test_file_shows_what_ties_each_record(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{MEI}"))
    assert "orders:person:a same email +31 bits held since 2026-05-10" in page_text
    assert "web_app:person:b same cookie id +9.5 bits held since the beginning" in page_text
    assert "by itself" in plain(visitor.get(f"/person/{TWIN}"))


def test_only_the_end_of_a_national_id_is_shown(visitor: httpx.Client) -> None:
    answer = visitor.get(f"/person/{MEI}")
    assert "11010519850401002X" not in answer.text
    assert f"national id {'•' * 14}002X" in plain(answer)


def test_open_doubts_are_shown_with_their_waterfall_and_who_decides(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{MEI}"))
    assert f"crm:customers:C2 and web_app:person:b , of {TWIN}" in page_text
    assert "prior −8.0 email +9.0 name −4.5 all together −3.5" in page_text
    assert "lake identity label k7q2m4x1 same|different" in page_text
    assert "closed01" not in page_text
    assert f", of {MEI}" in plain(visitor.get(f"/person/{TWIN}"))
    assert "Waiting for a judgement" not in plain(visitor.get(f"/person/{BUSY}"))


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


def test_ties_are_explained_field_by_field_and_the_view_is_noted(visitor: httpx.Client) -> None:
    whole = visitor.get(f"/person/{MEI}/ties")
    page_text = plain(whole)
    assert "How the ties add up" in page_text
    assert "crm:customers:C1 and orders:person:a" in page_text
    assert person_lake.MEI_EMAIL in page_text
    assert "all together +" in page_text
    assert "11010519850401002X" not in whole.text
    part = visitor.get(f"/person/{MEI}/ties", params={"part": 1})
    assert "<html" not in part.text
    assert "all together +" in plain(part)
    assert visitor.get("/person/p_nobody/ties").status_code == 404


def test_strongest_ties_that_hold_the_records_together_are_distinguished() -> None:
    def record(name: str) -> Record:
        return Record(
            name,
            source="crm",
            match_kind="SAME_EMAIL",
            match_strength=9.0,
            since=person_lake.NOW,
            is_backfilled=False,
            updated_at=person_lake.NOW,
            says=[],
        )

    def tie(left: str, right: str, bits: float) -> Tie:
        compared = [Comparison("email", level="same", weight_bits=bits, value_l="a@b.example", value_r="a@b.example")]
        return Tie(
            left,
            person_record_id_r=right,
            match_kind="SAME_EMAIL",
            match_strength=bits,
            prior_bits=0.0,
            comparisons=compared,
        )

    ties = [tie("crm:a", "crm:b", 30.0), tie("crm:b", "crm:c", 20.0), tie("crm:a", "crm:c", 10.0)]
    shown = explain(ties, {"crm": [record("crm:a"), record("crm:b"), record("crm:c")]}["crm"])
    assert [one.tie for one in shown.needed] == ties[:2]
    assert [one.tie for one in shown.others] == ties[2:]
    assert [arc.is_needed for arc in shown.arcs] == [True, True, False]
    assert shown.arcs[2].out > shown.arcs[0].out, "the arc of what is further apart reaches further"


def test_history_shows_merges_and_splits_and_any_past_day(visitor: httpx.Client) -> None:
    page_text = plain(visitor.get(f"/person/{MEI}"))
    assert f"merge Took in 1 record of {FORMER}" in page_text
    assert f"split Gave 1 record to the new {PARTED}" in page_text
    before = plain(visitor.get(f"/person/{MEI}", params={"day": "2026-05-09"}))
    assert "On 2026-05-09 the file held 3 records; it holds 3 now" in before
    assert f"＋ orders:person:a was part of {FORMER}" in before
    assert f"－ orders:person:c is part of {PARTED} now" in before
    assert "held the same 3 records as now" in plain(visitor.get(f"/person/{MEI}", params={"day": "2026-06-03"}))
    for day in ("1899-01-01", "0001-01-01", "9999-12-31"):
        assert visitor.get(f"/person/{MEI}", params={"day": day}).status_code == 200, day
    assert visitor.get(f"/person/{MEI}", params={"day": "yesterday"}).status_code == 422


def test_thousands_of_events_make_no_heavy_page_and_each_is_on_one_page(visitor: httpx.Client) -> None:
    whole = visitor.get(f"/person/{BUSY}")
    assert len(whole.content) < 200_000
    assert f"{BUSY_EVENTS:,}" in plain(whole)
    seen: list[str] = []
    for number in range(1, 4):
        page = visitor.get(f"/person/{BUSY}/journey", params={"source": "devices", "page": number})
        assert f"Page {number} of 3" in plain(page)
        seen += re.findall(r"order (O\d+)", plain(page))
    assert len(seen) == len(set(seen)) == BUSY_EVENTS // 200
    beyond = visitor.get(f"/person/{BUSY}/journey", params={"source": "devices", "page": 999_999})
    assert "Page 3 of 3" in plain(beyond)


def test_troubles_are_marked_and_early_events_do_not_flatten_the_picture(visitor: httpx.Client) -> None:
    answer = visitor.get(f"/person/{MEI}")
    assert answer.text.count('<tr class="trouble">') > 5
    assert 'aria-current="true">a year<' in answer.text
    assert "1 event, 1 earlier" in plain(answer), "what lies before the span is counted"
    assert 'aria-current="true">all<' in visitor.get(f"/person/{MEI}", params={"span": "all"}).text


def test_hostile_values_are_text_like_any_other(visitor: httpx.Client) -> None:
    for answer in (
        visitor.get(f"/person/{HOSTILE}"),
        visitor.post("/find", data={"who": person_lake.HOSTILE_VALUES["email"]}),
    ):
        assert "<script>document" not in answer.text
        assert "<svg/onload" not in answer.text
        assert "<img" not in answer.text
    answer = visitor.get(f"/person/{HOSTILE}")
    assert "&lt;script&gt;" in answer.text
    assert "\u202e" not in answer.text
    assert "202E" in plain(answer), "the mark that turns the reading direction is shown by its code"
    assert "👩‍👩‍👧" in answer.text
    assert "{{ 7 * 7 }}" in plain(answer)
    assert "10,039 characters" in plain(answer)
    assert len(answer.content) < 60_000


@given(st.text(max_size=300))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    shown = str(WRITING.value(text, 1000))
    inside = shown.removeprefix("<bdi>").removesuffix("</bdi>")
    assert re.sub(r"<span class=mark>[0-9A-F]{4,6}</span>", "", inside).count("<") == 0
    assert '"' not in inside


def test_what_a_run_adds_is_seen_without_a_restart(person_page: Served, visitor: httpx.Client) -> None:
    assert "added meanwhile" not in plain(visitor.get(f"/person/{TWIN}"))
    with person_lake.lake_at(person_page.home):
        person_lake.add_event(TWIN, "added_meanwhile")
    assert "added meanwhile" in plain(visitor.get(f"/person/{TWIN}"))


def test_lake_without_tables_says_how_to_fill_it(tmp_path: Path) -> None:
    with person_lake.served(tmp_path / "home") as empty:
        front = httpx.get(empty.url, trust_env=False)
        assert front.status_code == 200
        assert "lake run" in plain(front)
        assert httpx.get(f"{empty.url}/person/p_x", trust_env=False).status_code == 404


# Languages


def test_every_page_is_chinese_for_who_asks_for_chinese(visitor: httpx.Client) -> None:
    pages = [
        visitor.get("/"), visitor.get(f"/person/{MEI}?day=2026-05-09"), visitor.get(f"/person/{TWIN}?day=2026-06-03"),
        visitor.get(f"/person/{MEI}/ties"), visitor.get(f"/person/{MEI}/journey"), visitor.get("/person/p_nobody"),
        visitor.get(f"/person/{FORMER}"), visitor.get(f"/person/{MEI}?day=1899-01-01"), visitor.get("/?page=x"),
        visitor.get(f"/person/{MEI}?page=x"), visitor.put("/"), visitor.post("/find", data={"who": SHARED_EMAIL}),
        *(visitor.post("/find", data={"who": typed}) for typed in ("", "p_nobody", "a@b.example", "+44 7700 900123")),
    ]  # fmt: skip
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9"}
    names = {name for column in CATALOGUED for name in (column, column.replace("_", " "))}
    left: dict[str, list[str]] = {}
    for english in pages:
        request = english.request
        request.headers.update(chinese)
        answer = visitor.send(request)
        assert answer.status_code == english.status_code
        assert answer.headers["content-language"] == "zh-Hans"
        assert "<html" not in answer.text or '<html lang="zh-Hans">' in answer.text
        left |= {str(request.url): words for words in [untranslated(answer.text, names)] if words}
    assert not left


def test_language_is_switched_by_a_link_and_remembered_for_all_pages(person_page: Served) -> None:
    with httpx.Client(base_url=person_page.url, trust_env=False, timeout=60) as reader:
        english = reader.get(f"/person/{MEI}", params={"source": "orders", "day": "2026-05-09"})
        address = re.search(r'<a href="([^"]*)" lang="zh-Hans"', english.text)
        assert address
        assert html.unescape(address[1]) == f"/person/{MEI}?source=orders&day=2026-05-09&lang=zh"
        chinese = reader.get(html.unescape(address[1]))
        assert "这些记录为何属于同一人" in chinese.text
        assert "SameSite=Lax" in chinese.headers["set-cookie"]
        assert "HttpOnly" in chinese.headers["set-cookie"]
        assert "客户一人一档" in reader.get("/", headers={"Accept-Language": "en"}).text
        assert "Accept-Language" in chinese.headers["vary"]
        assert "客户一人一档" not in reader.get("/?lang=en").text
        assert "set-cookie" not in reader.get("/?lang=xx").headers


def test_what_was_typed_is_not_in_the_address_of_the_other_language(visitor: httpx.Client) -> None:
    answer = visitor.post("/find", data={"who": SHARED_EMAIL})
    assert re.findall(r'<a href="([^"]*)" lang=', answer.text) == ["/?lang=zh"]


def test_head_is_answered_like_get_without_a_body(visitor: httpx.Client) -> None:
    for path in ("/", "/health", "/assets/product.css", f"/person/{TWIN}", "/person/p_nobody"):
        get, head = visitor.get(path), visitor.head(path)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]


# The lake of the pipeline


def test_pipelines_own_lake_is_shown_and_agrees_with_its_marts(small_lake: SmallLake) -> None:
    from governance.consent import read_consents
    from lake.sql.rows import as_dicts
    from lake.tables import scan
    from persons.person_file import View, read_person_file
    from persons.reading import reader

    with small_lake.opened(), reader() as con:
        profiles = as_dicts(
            con,
            f"""select person_id, consents, events_count, records_count from {scan("marts/person_profile")}
                order by sources_count desc, person_id limit 40""",
        )
        assert any(profile["consents"] for profile in profiles)
        for profile in profiles:
            granted = [
                f"{c.purpose}:{c.channel}"
                for c in read_consents(con, profile["person_id"]) or []
                if c.state == "granted"
            ]
            assert sorted(granted) == profile["consents"], profile["person_id"]
        shown = read_person_file(profiles[0]["person_id"], View())
        assert shown.name
        assert shown.records_count == profiles[0]["records_count"]
        assert sum(hour["events"] for hour in shown.journey.hours) == profiles[0]["events_count"]

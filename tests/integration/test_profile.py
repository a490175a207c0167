"""`lake profile` shows one person's file: golden values and runner-ups, the journey, and why it is one person."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.small_lake import SmallLake


@pytest.fixture(scope="module")
def known(small_lake: SmallLake) -> dict[str, str]:
    """A person whom many systems know, with an e-mail and a phone that nobody else shows."""
    from lake.sql.connections import connect
    from lake.tables import scan

    with small_lake.opened(), connect() as con:
        row = con.sql(
            f"""select c.person_id, c.full_name, c.email, c.phone
                from {scan("identity/person_contact")} c join {scan("marts/person_profile")} p using (person_id)
                where c.email_is_valid and c.phone_is_valid and c.full_name is not null
                  and (select count(distinct l.person_id) from {scan("identity/person_records")} r
                       join {scan("identity/person_links")} l using (person_record_id)
                       where l.valid_to is null
                         and (lower(r.email) = lower(c.email) or right(r.phone, 4) = right(c.phone, 4))) = 1
                order by p.sources_count desc, p.events_count desc, c.person_id limit 1"""
        ).fetchone()
    assert row is not None
    return dict(zip(("person_id", "full_name", "email", "phone"), row, strict=True))


def test_person_is_found_by_id_email_and_phone_however_typed(small_lake: SmallLake, known: dict[str, str]) -> None:
    by_id = small_lake.json("profile", known["person_id"])
    assert by_id["person_id"] == known["person_id"]
    assert small_lake.json("profile", "--email", f" {known['email'].upper()} ") == by_id
    phone = f"{known['phone'][:-4]} - {known['phone'][-4:]}"
    assert small_lake.json("profile", "--phone", phone) == by_id


def test_file_shows_values_sources_journey_and_reasons(small_lake: SmallLake, known: dict[str, str]) -> None:
    file = small_lake.json("profile", known["person_id"])
    golden = {item["attribute"]: item for item in file["golden"]}
    assert golden["name"]["values"]["full_name"] == known["full_name"]
    assert golden["email"]["source"]
    assert golden["email"]["at"]
    assert golden["email"]["sources_count"] >= 1
    assert sum(line["events"] for line in file["journey"]) == file["facts"]["events_count"]
    assert {line["source"] for line in file["sources"]} >= {record["source"] for record in file["records"]}
    assert not {line["source"] for line in file["sources"]} & set(file["silent_sources"])
    assert len(file["sources"]) + len(file["silent_sources"]) == 9
    assert all(record["match_kind"] for record in file["records"])
    assert [event["event_type"] for event in file["ledger"]] == ["birth"]
    assert known["email"] in file["identifiers"]["email"]
    assert (file["asked_for"], file["former_ids"]) == (None, [])


def test_what_the_runner_up_says_stands_next_to_the_golden_value(small_lake: SmallLake) -> None:
    from lake.sql.connections import connect
    from lake.tables import scan

    with small_lake.opened(), connect() as con:
        row = con.sql(
            f"""select person_id, name_runner_up from {scan("identity/person_contact")}
                where name_runner_up is not null order by person_id limit 1"""
        ).fetchone()
    assert row is not None
    person_id, runner_up = row
    name = next(item for item in small_lake.json("profile", person_id)["golden"] if item["attribute"] == "name")
    assert name["runner_up"]["value"] == runner_up
    assert name["runner_up"]["source"]
    assert name["runner_up"]["at"]
    assert name["decided_by"] in ("validity", "trust", "frequency", "recency", "record_id")
    assert runner_up in small_lake.ok("profile", person_id).stdout


def test_a_number_typed_in_several_ways_is_one_identifier(small_lake: SmallLake) -> None:
    from identity.matching.comparable.values import e164
    from lake.sql.connections import connect
    from lake.tables import scan

    with small_lake.opened(), connect() as con:
        rows = con.sql(
            f"""select l.person_id, list(distinct i.value), count(distinct i.value) as ways
                from (select person_record_id, unnest(identifiers) as i from {scan("identity/person_records")})
                    join {scan("identity/person_links")} l using (person_record_id)
                where l.valid_to is null and i.kind = 'phone' group by 1 order by ways desc, 1 limit 1"""
        ).fetchall()
        person_id, typed, ways = rows[0]
        counted = con.sql(
            f"select phones_count from {scan('marts/person_profile')} where person_id = '{person_id}'"
        ).fetchall()
    numbers = {number for value in typed if (number := e164(value, "CN"))}
    file = small_lake.json("profile", person_id)
    valid = {row["value"] for row in file["identifier_rows"] if row["kind"] == "phone" and row["is_valid"]}
    assert ways > len(numbers)
    assert valid <= numbers
    assert counted == [(len(valid),)]


def test_a_former_id_says_whom_it_became_and_shows_that_person(lake_copy: SmallLake, known: dict[str, str]) -> None:
    from identity.links.link_history import BEGINNING, EVENTS, HISTORY
    from lake.writer import append

    at = datetime(2026, 3, 1, tzinfo=UTC)
    record = lake_copy.json("profile", known["person_id"])["records"][0]["record_id"]
    steps = [("p_oldest", "p_older", at), ("p_older", known["person_id"], at + timedelta(days=1))]
    events = [
        {"event_id": f"test:{was}", "event_type": "merge", "person_id": into, "other_person_id": was, "records": 1,
         "event_at": moment, "run": 1, "is_backfilled": False}
        for was, into, moment in steps
    ]  # fmt: skip
    links = [
        {"person_record_id": record, "person_id": was, "match_kind": "SINGLETON", "match_strength": 0.0,
         "valid_from": BEGINNING, "valid_to": moment, "is_backfilled": True}
        for was, _, moment in steps
    ]  # fmt: skip
    links.append(links[0] | {"person_record_id": "withdrawn", "person_id": "p_gone"})
    with lake_copy.opened():
        append("identity/person_events", pa.Table.from_pylist(events, schema=EVENTS))
        append("identity/person_links", pa.Table.from_pylist(links, schema=HISTORY))
    file = lake_copy.json("profile", "p_oldest")
    assert (file["person_id"], file["asked_for"]) == (known["person_id"], "p_oldest")
    assert [(row["person_id"], row["merged_into"]) for row in file["former_ids"]] == [
        ("p_older", known["person_id"]),
        ("p_oldest", "p_older"),
    ]
    shown = lake_copy.ok("profile", "p_oldest").stdout
    assert "p_oldest was merged into this person on 2026-03-01, by way of p_older" in shown
    assert "took in p_older" in shown
    gone = lake_copy.lake("profile", "p_gone")
    assert gone.returncode == 1
    assert "any more" in gone.stderr
    assert "cure:" in gone.stderr


def test_screen_shows_the_whole_file(small_lake: SmallLake, known: dict[str, str]) -> None:
    shown = small_lake.ok("profile", known["person_id"]).stdout
    headings = ("Golden values", "Identifiers", "Systems that know this person", "Last events",
                "Why these records are one person", "History of the id")  # fmt: skip
    for text in (known["person_id"], known["full_name"], known["email"], *headings, "same "):
        assert text in shown


@pytest.mark.parametrize("width", [60, 80, 110, 160])
def test_every_line_fits_the_terminal_whoever_is_shown(
    small_lake: SmallLake, known: dict[str, str], width: int
) -> None:
    from cli._person_screen import draw
    from lake.sql.connections import connect
    from lake.tables import scan
    from persons.profile import read_profile

    with small_lake.opened(), connect() as con:
        contact, profile = scan("identity/person_contact"), scan("marts/person_profile")
        people = con.sql(
            f"""(select 'chinese', person_id from {contact} where regexp_matches(full_name, '[一-龥]')
                    and address_runner_up is not null order by 2 limit 1)
                union all (select 'cookie', person_id from {profile}
                           where sources_count = 1 and cookies_count > 0 and emails_count = 0 order by 2 limit 1)
                union all (select 'family', person_id from {profile} order by households_count desc, 2 limit 1)"""
        ).fetchall()
        assert len(people) == 3
        for kind, person_id in [*people, ("known", known["person_id"])]:
            console = Console(width=width, file=io.StringIO(), record=True, highlight=False)
            draw(read_profile(person_id), console)
            lines = console.export_text().splitlines()
            assert lines[0].startswith(f"╭─ {person_id}"), kind
            too_wide = [line for line in lines if cell_len(line) > width]
            assert not too_wide, kind
            if kind == "cookie":
                assert any("no name is known" in line for line in lines)
                assert any("no system has a name" in line for line in lines)


def test_unknown_person_ends_with_1_and_the_value_is_not_repeated(small_lake: SmallLake) -> None:
    for arguments in (["p_nobody"], ["--email", "nobody.at.all@x.example"], ["--phone", "+44 7700 900123"]):
        done = small_lake.lake("profile", *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "nobody in this lake has that" in done.stderr
        assert "cure:" in done.stderr
        assert "nobody.at.all" not in done.stderr
        assert "900123" not in done.stderr


def test_asking_for_nobody_or_two_ways_at_once_is_wrong_usage(small_lake: SmallLake) -> None:
    for arguments in ([], ["p_1", "--email", "a@b.example"]):
        done = small_lake.lake("profile", *arguments)
        assert done.returncode == 2
        assert "cure: give one" in done.stderr


def test_profile_of_an_empty_lake_says_how_to_fill_it(tmp_path: Path) -> None:
    empty = SmallLake(tmp_path / "home", tmp_path / "token.key")
    done = empty.lake("profile", "p_1")
    assert done.returncode == 1
    assert "lake run" in done.stderr

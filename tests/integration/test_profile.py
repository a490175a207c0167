"""`lake profile` shows one person's file: golden values with their source, the journey, and why it is one person."""

from pathlib import Path

import pytest

from tests.small_lake import SmallLake


@pytest.fixture(scope="module")
def known(small_lake: SmallLake) -> dict[str, str]:
    """A person whom many systems know, with an e-mail and a phone that nobody else shows."""
    from lake.duck import connect
    from lake.tables import scan

    with small_lake.opened(), connect() as con:
        row = con.sql(
            f"""select c.person_id, c.full_name, c.email, c.phone
                from {scan("identity/person_contact")} c join {scan("marts/person_profile")} p using (person_id)
                where c.email is not null and c.phone is not null and c.full_name is not null
                  and (select count(distinct l.person_id) from {scan("identity/person_records")} r
                       join {scan("identity/person_links")} l using (record_id)
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


def test_file_tells_values_sources_journey_and_reasons(small_lake: SmallLake, known: dict[str, str]) -> None:
    file = small_lake.json("profile", known["person_id"])
    golden = {item["attribute"]: item for item in file["golden"]}
    assert golden["name"]["values"]["full_name"] == known["full_name"]
    assert golden["email"]["source"]
    assert golden["email"]["at"]
    assert sum(line["events"] for line in file["journey"]) == file["facts"]["events_count"]
    assert {line["source"] for line in file["sources"]} >= {record["source"] for record in file["records"]}
    assert all(record["match_kind"] for record in file["records"])
    assert [event["event_type"] for event in file["ledger"]] == ["birth"]
    assert known["email"].lower() in {value.lower() for value in file["identifiers"]["email"]}


def test_screen_shows_the_whole_file(small_lake: SmallLake, known: dict[str, str]) -> None:
    shown = small_lake.ok("profile", known["person_id"]).stdout
    headings = ("Golden values", "Systems that know this person", "Last events", "Why these records are one person")
    for text in (known["person_id"], known["full_name"], known["email"], *headings, "same "):
        assert text in shown


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

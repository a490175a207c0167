"""The dbt project on a small lake: what is incremental equals a rebuild, what is unchanged stays, nobody's name leaks.

One lake per module: bronze of every entity, made by hand (small_bronze), then a second day with new keys,
corrections, late older versions, corrected identities, and two persons who turn out to be one.
"""

import random
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from contracts.contract_file import CONTRACT_FILE, Entity, load_contract, load_contracts, sources_root
from contracts.settings import reset_settings
from dbt_project import runner
from dbt_project.delta_plugin import Write
from dbt_project.runner import DbtError, run_dbt
from dbt_project.scaffold import write_staging
from lake.sql.connections import connect
from lake.sql.tokens import token
from lake.tables import list_tables, scan, table_version
from lake.writer import append, overwrite
from tests.integration.small_bronze import NOW, Row, _rows, record_of
from tests.lake_context import lake_settings, opened

BUILT = ("identity/person_records", "identity/person_contact", "identity/person_identifiers", "marts/journey_events",
         "marts/person_profile", "marts/unresolved_records")  # fmt: skip
RECORDS = ["path:models/staging", "person_records"]
MARTS = ["path:models/marts", "person_contact", "person_identifiers", "int_person_records__linked"]
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty LAKE_HOME at a fixed moment."""
    folder = tmp_path_factory.mktemp("dbt_lake")
    with opened(lake_settings(folder, now=NOW)):
        yield folder


@pytest.fixture(scope="module")
def first_day(home: Path) -> dict[tuple[str, str], list[Row]]:
    """Bronze of one landing, and everything built on it."""
    draw = random.Random(3)
    rows: dict[tuple[str, str], list[Row]] = {}
    for entity in entities():
        rows[entity.source, entity.name] = _rows(draw, entity, rows, 3)
        land(entity, rows[entity.source, entity.name])
    build({}, "build")
    return rows


@pytest.fixture(scope="module")
def second_day(first_day: dict[tuple[str, str], list[Row]]) -> dict[str, Write]:
    """A second landing on top, built incrementally; what was written, by table."""
    draw = random.Random(4)
    for entity in entities():
        land(entity, changed_rows(draw, entity, first_day[entity.source, entity.name]))
    return build({"p02": "p01"})


def entities() -> list[Entity]:
    return [entity for contract in load_contracts() for entity in contract.entities.values()]


def land(entity: Entity, rows: list[Row]) -> None:
    names = entity.bronze_schema().names
    append(
        entity.table, pa.Table.from_pylist([{n: row[n] for n in names} for row in rows], schema=entity.bronze_schema())
    )


def changed_rows(draw: random.Random, entity: Entity, rows: list[Row]) -> list[Row]:
    """A tenth of everything again: new keys, corrections about somebody else, older versions that come late."""
    key = entity.primary_key[0]
    landed = {"landed_at": TOMORROW, "batch_id": "next"}
    new, corrected, late = (draw.sample(rows, max(1, len(rows) // 10)) for _ in range(3))
    others = {row["record_id"]: draw.choice(rows) for row in corrected}
    identifying = [c.name for c in entity.columns if c.is_personal and c.name != key]
    made = [
        row | landed | {key: f"{row[key]}-new", "record_id": f"{row['record_id']}-new", "content_hash": 3,
                        "known_at": TOMORROW, "event_at": TOMORROW - timedelta(hours=3)}
        for row in new
    ]  # fmt: skip
    made += [
        row | landed | {"known_at": TOMORROW, "content_hash": 1}
        | {name: others[row["record_id"]][name] for name in identifying}
        for row in corrected
    ]  # fmt: skip
    made += [row | landed | {"known_at": row["known_at"] - timedelta(days=300), "content_hash": 2} for row in late]
    return list({(row["record_id"], row["content_hash"]): row for row in made}.values())


def build(merged: dict[str, str], command: str = "run", *, full_refresh: bool = False) -> dict[str, Write]:
    """All but features, as a run does: records, who is who, marts; what was written, by table."""
    records = run_dbt(command, select=RECORDS, full_refresh=full_refresh)
    link(merged)
    marts = run_dbt(command, select=MARTS, full_refresh=full_refresh)
    return {**records.writes, **marts.writes}


def link(merged: dict[str, str]) -> None:
    """Who is who as the test wants it: every value of small_bronze starts with its person; one record has nobody."""
    with connect() as connection:
        records = connection.sql(
            f"select person_record_id, identifiers from {scan('identity/person_records')}"
        ).fetchall()
    rows = [
        {"person_record_id": record, "person_id": merged.get(person, person), "match_kind": "same_account",
         "match_strength": 1.0, "valid_from": NOW, "valid_to": None, "is_backfilled": True}
        for record, identifiers in sorted(records)
        if (person := identifiers[0]["value"].partition(":")[0]) != "p11"
    ]  # fmt: skip
    instant = pa.timestamp("us", "UTC")
    schema = pa.schema([("person_record_id", pa.string()), ("person_id", pa.string()), ("match_kind", pa.string()),
                        ("match_strength", pa.float64()), ("valid_from", instant), ("valid_to", instant),
                        ("is_backfilled", pa.bool_())])  # fmt: skip
    overwrite("identity/person_links", pa.Table.from_pylist(rows, schema=schema))


def versions() -> dict[str, int | None]:
    return {table: table_version(table) for table in BUILT}


def contents(table: str) -> list[tuple[object, ...]]:
    with connect() as connection:
        return connection.sql(f"select * from {scan(table)} order by 1").fetchall()


def test_a_run_with_nothing_new_writes_no_version(first_day: dict[tuple[str, str], list[Row]]) -> None:
    before = versions()
    build({})
    assert versions() == before
    assert all(version == 0 for version in before.values())


def test_every_key_that_landed_is_one_event(first_day: dict[tuple[str, str], list[Row]]) -> None:
    landed = {row["record_id"] for rows in first_day.values() for row in rows}
    with connect() as connection:
        events = connection.sql(f"select event_id from {scan('marts/journey_events')}").fetchall()
    assert len(events) == len(landed)
    assert {event for (event,) in events} == landed


def test_every_event_reaches_a_person_or_is_listed_as_unresolved(first_day: dict[tuple[str, str], list[Row]]) -> None:
    with connect() as connection:
        missing = connection.sql(
            f"""select count(*) from {scan("marts/journey_events")} as events
                full join {scan("marts/unresolved_records")} as unresolved on events.event_id = unresolved.record_id
                where (events.person_id is null) <> (unresolved.record_id is not null)"""
        ).fetchone()
        listed = dict(
            connection.sql(
                f"select reason, count(*) from {scan('marts/unresolved_records')} group by reason"
            ).fetchall()
        )
    assert missing == (0,)
    assert set(listed) == {"names_nobody", "belongs_to_nobody_known"}


def test_the_id_of_a_record_is_the_token_of_what_identifies(first_day: dict[tuple[str, str], list[Row]]) -> None:
    with connect() as connection:
        held = {
            row[0]
            for row in connection.sql(f"select person_record_id from {scan('identity/person_records')}").fetchall()
        }
    order = first_day["orders", "orders"][0]
    sends = next(e for e in entities() if e.table == "bronze/campaigns/sends")
    send = first_day["campaigns", "sends"][0]
    assert record_of(sends, send) in held
    said = "|".join(f"{name}={send[name]}" for name in ("email", "loyalty_no"))
    assert f"campaigns:person:{token(said)}" in held
    assert not any(order["email"] in record for record in held)


def test_open_zones_hold_no_value_that_identifies(first_day: dict[tuple[str, str], list[Row]]) -> None:
    values = {
        str(row[column.name])
        for entity in entities()
        for row in first_day[entity.source, entity.name]
        for column in entity.columns
        if column.classification in ("pii_direct", "pii_online", "pii_text") and row[column.name] is not None
    }
    found = {
        (table, cell)
        for table in list_tables("marts")
        for row in contents(table)
        for cell in row
        if isinstance(cell, str) and cell in values and ":" in cell
    }
    assert values
    assert not found


def test_no_log_of_a_table_holds_a_value_that_identifies(
    home: Path, first_day: dict[tuple[str, str], list[Row]]
) -> None:
    values = {row["email"] for row in first_day["crm", "customers"] if row["email"]}
    logs = [path.read_text() for table in BUILT for path in (home / "delta" / table / "_delta_log").glob("*.json")]
    assert values
    assert logs
    assert not [value for value in values if any(value in log for log in logs)]


def test_a_second_day_writes_only_rows_that_changed(
    first_day: dict[tuple[str, str], list[Row]], second_day: dict[str, Write]
) -> None:
    for table in ("identity/person_records", "marts/journey_events"):
        assert second_day[table].mode == "merge"
        assert 0 < second_day[table].rows < 0.6 * len(contents(table)), table
    assert all(second_day[table].version == 1 for table in BUILT)


def test_a_person_who_is_another_has_no_file_and_no_events(second_day: dict[str, Write]) -> None:
    with connect() as connection:
        persons = connection.sql(f"select person_id from {scan('marts/person_profile')}").fetchall()
        moved = connection.sql(
            f"select count(*) from {scan('marts/journey_events')} where person_id = 'p02'"
        ).fetchone()
    assert ("p01",) in persons
    assert ("p02",) not in persons
    assert moved == (0,)


def test_what_is_incremental_equals_a_rebuild(second_day: dict[str, Write]) -> None:
    incremental = {table: contents(table) for table in BUILT}
    build({"p02": "p01"}, full_refresh=True)
    for table in BUILT:
        assert contents(table) == incremental[table], table


def test_dbt_unit_tests_hold(first_day: dict[tuple[str, str], list[Row]]) -> None:
    result = run_dbt("test", select="test_type:unit", unit_tests=True)
    ran = [node for node in result.nodes if node.resource_type == "unit_test"]
    assert ran
    assert all(node.status == "pass" for node in ran)


def test_a_call_leaves_the_checkout_alone(first_day: dict[tuple[str, str], list[Row]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in runner.PROJECT.rglob("*") if "__pycache__" not in path.parts}
    manifest = runner.parse()
    run_dbt("run", select="stg_crm__customers")
    after = {path: path.stat().st_mtime_ns for path in runner.PROJECT.rglob("*") if "__pycache__" not in path.parts}
    assert before == after
    assert manifest.is_relative_to(runner.target_path())


def test_a_selection_that_matches_nothing_is_an_error_and_no_success(home: Path) -> None:
    with pytest.raises(DbtError, match="selects nothing") as raised:
        run_dbt("run", select="stg_crm__custmers")
    assert raised.value.cure


def test_a_mart_that_breaks_its_contract_writes_nothing_and_says_which(
    first_day: dict[tuple[str, str], list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(runner.PROJECT, project, ignore=shutil.ignore_patterns("__pycache__", "features"))
    broken = project / "models" / "marts" / "unresolved_records.sql"
    broken.write_text(broken.read_text().replace("known_at\n", "'long ago' as known_at\n", 1))
    monkeypatch.setattr(runner, "PROJECT", project)
    before = versions()
    with pytest.raises(DbtError, match=r"unresolved_records.*(?s:.)*known_at") as raised:
        run_dbt("run", select="unresolved_records")
    assert raised.value.cure
    assert versions() == before


def test_two_lakes_in_one_process_do_not_meet(
    first_day: dict[tuple[str, str], list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "other"))
    reset_settings()
    try:
        result = run_dbt("run", select=["person_records", *MARTS])
        assert {write.rows for write in result.writes.values()} == {0}, "a source that never landed reads as no rows"
        assert contents("marts/person_profile") == []
    finally:
        monkeypatch.undo()
        reset_settings()
    assert contents("marts/person_profile")


def with_known_deletes(document: dict[str, Any]) -> dict[str, Any]:
    for entity in document["schema"]:
        entity.setdefault("customProperties", []).append({"property": "deletes", "value": "compare"})
    return document


def test_a_tenth_source_is_one_folder_and_edits_no_file(
    first_day: dict[tuple[str, str], list[Row]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, contracts = tmp_path / "dbt_project", tmp_path / "sources"
    shutil.copytree(runner.PROJECT, project, ignore=shutil.ignore_patterns("__pycache__", "features"))
    shutil.copytree(sources_root(), contracts, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    text = (contracts / "service_delivery" / CONTRACT_FILE).read_text(encoding="utf-8")
    (contracts / "parcel_lockers").mkdir()
    (contracts / "parcel_lockers" / CONTRACT_FILE).write_text(
        yaml.safe_dump(with_known_deletes(yaml.safe_load(text.replace("service_delivery", "parcel_lockers")))),
        encoding="utf-8",
    )
    monkeypatch.setenv("LAKE_CONTRACTS", str(contracts))
    monkeypatch.setattr(runner, "PROJECT", project)
    reset_settings()
    try:
        contract = load_contract("parcel_lockers")
        write_staging(contract, project / "models" / "staging")
        folder = project / "models" / "staging" / "parcel_lockers"
        (folder / "int_parcel_lockers__identified.sql").write_text(
            "{{ identified('parcel_lockers', ['claims'], {'full_name': 'booking_name'}) }}"
        )
        (folder / "int_parcel_lockers__attributed.sql").write_text(
            "{{ attributed('parcel_lockers', 'claims', 'locker_claimed') }}"
        )
        claims = contract.entities["claims"]
        rows = [
            row
            | {
                "record_id": row["record_id"].replace("service_delivery", "parcel_lockers"),
                "landed_at": TOMORROW,
                "is_deleted": False,
            }
            for row in first_day["service_delivery", "claims"][:3]
        ]
        land(claims, rows)
        # The source deletes one of them: its last version again, known later.
        land(claims, [rows[0] | {"is_deleted": True, "known_at": TOMORROW}])
        run_dbt("run", select=["person_records", "journey_events"])
        with connect() as connection:
            found = connection.sql(
                f"select count(distinct event_id) from {scan('marts/journey_events')} where source = 'parcel_lockers'"
            ).fetchone()
            records = connection.sql(
                f"select count(*) from {scan('identity/person_records')} where source = 'parcel_lockers'"
            ).fetchone()
    finally:
        monkeypatch.undo()
        reset_settings()
    assert found is not None
    assert records is not None
    assert found[0] == 2
    assert records[0] > 0

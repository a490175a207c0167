"""The identity step on a real lake: nothing is written twice, a crash is mended, the past stays, erased views go."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from contracts.catalogue.tables import PERSON_LINKS
from contracts.settings import PROJECT_ROOT, reset_settings
from identity.links.as_of import links_as_of
from identity.links.matcher_columns import from_matcher
from identity.links.person_ids import Mint
from identity.matching.person_records import SCHEMA, RecordsError
from identity.update import update_identity
from lake.sql.connections import connect
from lake.tables import list_tables, scan, table_version
from tests.declared_tables import leave_table

START = datetime(2026, 7, 1, tzinfo=UTC)
FIRST = [
    {"record_id": "crm:customers:C1", "full_name": "王小明", "phone": "13512349876", "crm_id": "C1"},
    {"record_id": "crm:customers:C2", "full_name": "Wang Xiaoming", "email": "xiaoming@qq.com", "crm_id": "C2"},
    {"record_id": "orders:person:o1", "full_name": "赵丽", "account_id": "A1"},
]
BRIDGE = {"record_id": "voice_of_customer:person:v1", "email": "xiaoming@qq.com", "phone": "13512349876"}

SetDay = Callable[[int], datetime]


@pytest.fixture
def set_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetDay:
    """An empty lake of its own; call it to set the lake's day."""
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))

    def set_to(day: int) -> datetime:
        now = START + timedelta(days=day)
        monkeypatch.setenv("LAKE_NOW", now.isoformat())
        reset_settings()
        return now

    set_to(0)
    yield set_to
    reset_settings()


def write_records(rows: list[dict[str, Any]], known_at: datetime) -> None:
    made = [
        {"source": row["record_id"].partition(":")[0], "updated_at": known_at}
        | {k: v for k, v in row.items() if k in SCHEMA.names}
        | {"identifiers": [{"kind": k, "value": v} for k, v in row.items() if k not in SCHEMA.names]}
        for row in rows
    ]
    leave_table("identity/person_records", from_matcher(pa.Table.from_pylist(made, schema=SCHEMA)))


def persons() -> dict[str, str]:
    with connect() as con:
        rows = con.sql(
            f"select person_record_id, person_id from {scan(PERSON_LINKS)} where valid_to is null"
        ).fetchall()
    return dict(rows)


def ledger_events() -> list[tuple[str, str, str | None]]:
    with connect() as con:
        return con.sql(
            f"""select event_type, person_id, other_person_id from {scan("identity/person_events")}
                order by run, event_type"""
        ).fetchall()


def versions() -> dict[str, int | None]:
    return {name: table_version(name) for name in list_tables() if not name.startswith("ops/")}


def test_rerun_and_unchanged_records_write_no_version(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    assert update_identity().state == "updated"
    before = versions()
    assert update_identity().state == "skipped"
    write_records(FIRST, set_day(1))  # a new version of the same records
    rerun = versions()
    assert update_identity().state == "unchanged"
    assert versions() == rerun
    assert update_identity().state == "skipped"
    assert before["identity/person_links"] == rerun["identity/person_links"]


def test_merge_is_reported_and_the_past_graph_stays(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity()
    first = persons()
    assert len(set(first.values())) == 3
    past = links_as_of(START - timedelta(days=900)).sort_by("person_record_id")
    known = set_day(2) - timedelta(hours=5)
    write_records([*FIRST, BRIDGE], known)
    result = update_identity()
    assert (result.merges, result.births, result.persons) == (1, 0, 2)
    now = persons()
    assert now["crm:customers:C1"] == now["crm:customers:C2"] == now[BRIDGE["record_id"]]
    assert now["crm:customers:C1"] in {first["crm:customers:C1"], first["crm:customers:C2"]}
    assert now["orders:person:o1"] == first["orders:person:o1"]
    assert ("merge", now["crm:customers:C1"]) in {(event, person) for event, person, _ in ledger_events()}
    assert links_as_of(START - timedelta(days=900)).sort_by("person_record_id").equals(past)
    assert links_as_of(START + timedelta(days=1)).num_rows == 3
    held = {r["person_record_id"]: r for r in links_as_of(set_day(2)).to_pylist()}
    assert held[BRIDGE["record_id"]]["valid_from"] == known.replace(tzinfo=UTC)


def test_undone_merge_restores_both_persons(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity()
    first = persons()
    write_records([*FIRST, BRIDGE], set_day(1))
    update_identity()
    kept = persons()["crm:customers:C1"]
    write_records(FIRST, set_day(2))  # the bridging view was wrong and is gone
    result = update_identity()
    now = persons()
    assert result.splits == 1
    assert len(set(now.values())) == 3
    assert kept in (now["crm:customers:C1"], now["crm:customers:C2"])
    assert {now["crm:customers:C1"], now["crm:customers:C2"]} - {kept} != set(first.values()) - {
        kept,
        first["orders:person:o1"],
    }


def test_full_rebuild_gives_the_same_ids(set_day: SetDay) -> None:
    write_records([*FIRST, BRIDGE], set_day(0))
    update_identity()
    before = persons()
    write_records([], set_day(0))
    write_records([BRIDGE, *reversed(FIRST)], set_day(0))
    assert update_identity().state == "unchanged"
    assert persons() == before


def test_same_seed_gives_the_same_lake(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity(mint=Mint(7))
    assert sorted(set(persons().values())) == sorted(Mint(7).draw(3).to_pylist())


def test_crash_between_links_and_ledger_is_mended_by_the_next_run(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity()
    write_records([*FIRST, BRIDGE], set_day(1))
    crash = {**os.environ, "LAKE_CRASH_AT": "identity.between_links_and_events", "PYTHONPATH": str(PROJECT_ROOT)}
    killed = subprocess.run([sys.executable, "-m", "identity.update"], env=crash, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    after_crash, events = persons(), ledger_events()
    assert "merge" not in {event for event, _, _ in events}
    assert update_identity().state == "skipped"  # the records were read; only the ledger was behind
    assert persons() == after_crash
    assert [event for event, _, _ in ledger_events()].count("merge") == 1
    update_identity()
    assert [event for event, _, _ in ledger_events()].count("merge") == 1


def test_view_that_is_gone_loses_its_link_and_an_emptied_person_ends(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity()
    write_records(FIRST[:2], set_day(3))
    result = update_identity()
    assert (result.ends, result.links_closed) == (1, 1)
    assert "orders:person:o1" not in persons()
    assert links_as_of(START + timedelta(days=1)).num_rows == 3


def test_lake_without_records_says_what_to_do(set_day: SetDay) -> None:
    with pytest.raises(RecordsError, match="lake run"):
        update_identity()


def test_no_value_of_anybody_stands_in_logs_of_the_ledger(set_day: SetDay) -> None:
    """Commit logs and the run table hold versions and counts, never a name, an address or a number."""
    write_records([*FIRST, BRIDGE], set_day(0))
    update_identity()
    root = Path(os.environ["LAKE_HOME"]) / "delta"
    logs = [
        p
        for table in ("identity/person_links", "identity/person_events", "ops/identity_runs")
        for p in (root / table).rglob("*.json")
    ]
    text = "".join(path.read_text() for path in logs)
    assert logs
    assert not any(value in text for value in ("王小明", "Xiaoming", "xiaoming@qq.com", "13512349876", "赵丽"))

"""A lake of layout 2 is opened by this code: migrated, wherever it was killed, with all that it knew."""

import os
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from contracts.catalogue.tables import LAKE_LAYOUT, PERSON_LINKS, PERSON_REVIEWS, PERSON_STATISTICS
from contracts.settings import PROJECT_ROOT
from identity.links.as_of import links_as_of
from identity.review.labels import DIFFERENT, SAME, give_label, labels_in_force
from identity.review.queue import plan_reviews
from identity.update import update_identity
from lake import layout
from lake.landing_state import as_metadata, read_state
from lake.layout.migrations import CRASH_POINTS
from lake.sql.connections import connect
from lake.tables import list_tables, open_table, table_version
from lake.writer import Commit, append, overwrite, rename_columns
from tests.declared_tables import leave_table, own_table
from tests.integration.test_identity_step import BRIDGE, FIRST, START, SetDay, persons, set_day, write_records

__all__ = ["set_day"]

BRONZE = "bronze/crm/customers"
#: Tables of layout 2 with the columns that layout 3 names otherwise.
OLD_NAMES = {
    "identity/person_records": {"person_record_id": "record_id"},
    "identity/person_links": {"person_record_id": "record_id"},
    "identity/person_index": {"person_record_id": "record_id"},
    "identity/person_labels": {"person_record_id_l": "record_id_l", "person_record_id_r": "record_id_r"},
    "identity/person_reviews": {"person_record_id_l": "record_id_l", "person_record_id_r": "record_id_r"},
}
#: What the index of layout 2 says of its columns, and that of layout 3.
OLD_INDEX, NEW_INDEX = "896e400d", "f151528d"


@pytest.fixture
def old_lake(set_day: SetDay) -> dict[str, Any]:
    """A lake of layout 2 with three runs, labels, a review and a cursor, and what it knew."""
    landed = pa.table({"record_id": ["crm:customers:C1"]})
    with own_table(BRONZE, landed.schema):
        append(BRONZE, landed, commit=Commit(metadata=as_metadata({"cursor": "c7"})))
    write_records(FIRST, set_day(0))
    update_identity()
    write_records([*FIRST, BRIDGE], set_day(1))
    update_identity()
    crm, order, bridge = FIRST[0]["record_id"], FIRST[2]["record_id"], BRIDGE["record_id"]
    give_label(crm, order, SAME, note="called us")
    give_label(crm, bridge, DIFFERENT)
    set_day(2)
    update_identity()
    plan_reviews(_unsure(order, bridge), at=START, run=3).write()
    known = facts()
    for name, columns in OLD_NAMES.items():
        state = read_state(name)
        if name == "identity/person_index":
            state["made_by"] = state["made_by"].rpartition("/")[0] + "/" + OLD_INDEX
        assert rename_columns(name, columns, commit=Commit(metadata=as_metadata(state) if state else {}))
    set_layout(2)
    return known


def set_layout(version: int) -> None:
    """Mark the lake as one of a layout."""
    overwrite(LAKE_LAYOUT, pa.table({"version": pa.array([version], pa.int64())}))


def _unsure(left: str, right: str) -> pa.Table:
    pair = {"person_record_id_l": left, "person_record_id_r": right, "reason": "NEAR_THRESHOLD", "match_strength": 1.0}
    return pa.Table.from_pylist([pair | {"weight_name": 1.0}])


def facts() -> dict[str, Any]:
    """What a lake knows: persons, links, as-of answers, labels, reviews, cursors, and the versions of other tables."""
    moments: list[datetime] = [START + timedelta(hours=6 * number) for number in range(-8, 12)]
    return {
        "persons": persons(),
        "history": _rows(PERSON_LINKS),
        "as_of": [links_as_of(moment).sort_by("person_record_id").to_pylist() for moment in moments],
        "labels": [asdict(label) for label in labels_in_force()],
        "reviews": _rows(PERSON_REVIEWS),
        "cursor": read_state(BRONZE),
        "runs": {name: read_state(name).get("run") for name in OLD_NAMES},
        "others": {
            name: table_version(name) for name in list_tables() if name not in OLD_NAMES and name != LAKE_LAYOUT
        },
        "ids": {name: table.metadata().id for name in OLD_NAMES if (table := open_table(name)) is not None},
    }


def _rows(name: str) -> list[dict[str, Any]]:
    table = open_table(name)
    assert table is not None
    return sorted(table.to_pyarrow_table().to_pylist(), key=str)


def test_old_lake_is_migrated_and_knows_what_it_knew(old_lake: dict[str, Any]) -> None:
    assert layout.layout_version() == 2
    assert layout.ensure() == layout.LAYOUT
    assert facts() == old_lake
    versions = {name: table_version(name) for name in list_tables()}
    assert layout.ensure() == layout.LAYOUT
    assert {name: table_version(name) for name in list_tables()} == versions, "a second time changes nothing"


def test_next_run_after_migration_resolves_nothing_anew(old_lake: dict[str, Any]) -> None:
    layout.ensure()
    made_by, counted = str(read_state("identity/person_index")["made_by"]), table_version(PERSON_STATISTICS)
    if not made_by.endswith(NEW_INDEX):
        pytest.fail("the migration must leave the index as the code of layout 3 reads it")
    assert update_identity().state == "unchanged"
    assert table_version(PERSON_STATISTICS) == counted, "what is counted over all records was not counted anew"
    assert update_identity().state == "skipped"
    assert persons() == old_lake["persons"]


@pytest.mark.parametrize("place", CRASH_POINTS)
def test_migration_that_is_killed_goes_on(old_lake: dict[str, Any], place: str) -> None:
    code = "from lake import layout; layout.ensure()"
    crash = {**os.environ, "LAKE_CRASH_AT": place, "PYTHONPATH": str(PROJECT_ROOT)}
    killed = subprocess.run([sys.executable, "-c", code], env=crash, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert layout.layout_version() == 2, "the version is written last"
    assert layout.ensure() == layout.LAYOUT
    assert facts() == old_lake


def test_run_that_died_before_the_migration_is_mended_after_it(set_day: SetDay) -> None:
    write_records(FIRST, set_day(0))
    update_identity()
    write_records([*FIRST, BRIDGE], set_day(1))
    crash = {**os.environ, "LAKE_CRASH_AT": "identity.between_links_and_events", "PYTHONPATH": str(PROJECT_ROOT)}
    subprocess.run([sys.executable, "-m", "identity.update"], env=crash, capture_output=True, check=False)
    # The version that the died run had read bears the old name, as do all before the migration.
    before = open_table(PERSON_LINKS, read_state(PERSON_LINKS)["version_before"])
    assert before is not None
    links = before.to_pyarrow_table().rename_columns(["record_id", *before.to_pyarrow_table().column_names[1:]])
    state = read_state(PERSON_LINKS)
    now = _arrow(PERSON_LINKS)
    leave_table(PERSON_LINKS, links)
    overwrite(PERSON_LINKS, now, commit=Commit(metadata=as_metadata(state | {"version_before": _newest(PERSON_LINKS)})))
    set_layout(2)
    layout.ensure()
    events = len(_rows("identity/person_events"))
    update_identity()
    assert len(_rows("identity/person_events")) > events


def _arrow(name: str) -> pa.Table:
    table = open_table(name)
    assert table is not None
    return table.to_pyarrow_table()


def _newest(name: str) -> int:
    version = table_version(name)
    assert version is not None
    return version


@pytest.mark.parametrize(("version", "cure"), [(2, "lake run"), (99, "newer version")])
def test_reader_of_another_layout_is_rejected_with_a_cure(set_day: SetDay, version: int, cure: str) -> None:
    set_day(0)
    set_layout(version)
    with pytest.raises(layout.LayoutError) as error:
        connect()
    assert cure in str(error.value)

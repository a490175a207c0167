"""What the ledger keeps, through the real step: no id twice, no past that changes, no run that is lost."""

import os
import random
import subprocess
import sys
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalogue.tables import PERSON_RECORDS
from contracts.settings import PROJECT_ROOT
from identity.links.as_of import links_as_of
from identity.links.matcher_columns import to_matcher
from identity.links.person_index import current_sql, read_statistics
from identity.matching.resolve import match
from identity.review.labels import DIFFERENT, give_label
from identity.update import update_identity
from lake.sql.connections import connect
from lake.tables import open_table
from tests.integration.test_identity_incremental import Row, Runs, Start, change, somebody, start, strangers
from tests.integration.test_identity_step import (
    BRIDGE,
    FIRST,
    START,
    SetDay,
    ledger_events,
    persons,
    set_day,
    write_records,
)
from tests.unit.test_identity_resolve import partition

__all__ = ["set_day", "start"]


def open_groups() -> set[frozenset[str]]:
    """The people of the lake by their open links."""
    found: dict[str, set[str]] = {}
    for record, person in persons().items():
        found.setdefault(person, set()).add(record)
    return {frozenset(members) for members in found.values()}


def person_records() -> pa.Table:
    table = open_table(PERSON_RECORDS)
    assert table is not None
    return to_matcher(table.to_pyarrow_table())


def as_rows(rows: dict[str, Row]) -> list[Row]:
    return [{"record_id": record, **row} for record, row in rows.items()]


def lead_a_ledger(runs: Runs, set_day: SetDay, chance: random.Random, *, days: int) -> None:
    """Days of changes through the real step, its ids and its past compared with what was before."""
    gone: set[str] = set()
    before: set[str] = set()
    past: dict[datetime, pa.Table] = {}
    for day in range(days):
        now = set_day(day)
        write_records(as_rows(runs.rows), now)
        update_identity()
        here = set(persons().values())
        assert gone.isdisjoint(here)
        gone, before = gone | (before - here), here
        assert open_groups() == partition(match(person_records(), statistics=read_statistics()))
        for moment, graph in past.items():
            assert links_as_of(moment).sort_by("person_record_id").equals(graph), moment
        past[now] = links_as_of(now).sort_by("person_record_id")
        change(runs, chance, 6)
        runs.labels.clear()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_id_is_used_twice_and_no_moment_that_is_past_changes(start: Start, set_day: SetDay, seed: int) -> None:
    chance = random.Random(seed)
    rows = {f"r{n}": somebody(chance) for n in range(20)}
    lead_a_ledger(start(strangers(30) | rows), set_day, chance, days=3)


@pytest.mark.prove
@given(seed=st.integers(0, 2**32))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_id_is_used_twice_in_many_histories(start: Start, set_day: SetDay, seed: int) -> None:
    chance = random.Random(seed)
    rows = {f"r{n}": somebody(chance) for n in range(25)}
    lead_a_ledger(start(strangers(30) | rows), set_day, chance, days=6)


def test_merge_that_somebody_says_was_wrong_gives_two_people_again(set_day: SetDay) -> None:
    older, younger, _ = FIRST
    one, other = str(older["record_id"]), str(younger["record_id"])
    write_records([older], set_day(0))
    update_identity()
    write_records([older, younger], set_day(1))
    update_identity()
    two = persons()
    assert two[one] != two[other]
    write_records([older, younger, BRIDGE], set_day(2))
    update_identity()
    assert persons()[one] == persons()[other] == two[one]  # the older id is kept
    set_day(3)
    give_label(one, other, DIFFERENT)
    assert update_identity().splits == 1
    now = persons()
    # The id that was merged away is never given out again: one keeps that of the merge, the other gets a new one.
    assert now[one] != now[other]
    assert two[one] in (now[one], now[other])
    (new,) = {now[one], now[other]} - {two[one]}
    assert new not in two.values()
    assert [event for event in ledger_events() if event[0] in ("merge", "split")] == [
        ("merge", two[one], two[other]),
        ("split", new, two[one]),
    ]
    then = {
        row["person_record_id"]: row["person_id"] for row in links_as_of(START + timedelta(days=1, hours=1)).to_pylist()
    }
    assert then == two


def test_crash_before_the_index_leaves_links_that_the_next_run_continues(set_day: SetDay) -> None:
    held = as_rows(strangers(20))
    write_records([*held, *FIRST], set_day(0))
    update_identity()
    write_records([*held, *FIRST, BRIDGE], set_day(1))
    crash = {**os.environ, "LAKE_CRASH_AT": "identity.before_index", "PYTHONPATH": str(PROJECT_ROOT)}
    killed = subprocess.run([sys.executable, "-m", "identity.update"], env=crash, capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    assert update_identity().state == "skipped"
    write_records([*held, *FIRST[1:], BRIDGE], set_day(2))
    assert update_identity().state == "updated"
    assert open_groups() == partition(match(person_records(), statistics=read_statistics()))
    assert [event for event, _, _ in ledger_events()].count("merge") == 1


def test_record_that_two_runs_looked_at_and_changed_no_link_of_stands_in_the_index_once(set_day: SetDay) -> None:
    rows = strangers(20)
    for country in ("CN", "DE", "FR"):
        rows["s0"]["country"] = country
        write_records(as_rows(rows), set_day(0))
        state = update_identity().state
    assert state == "unchanged"
    with connect() as con:
        assert con.sql(f"select count(*) from ({current_sql(('person_record_id',))})").fetchall() == [(20,)]

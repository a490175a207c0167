"""Ids of persons are stable, never used twice, and the ledger says what became of them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.suite_files import suite
from identity.links.link_history import BEGINNING, EVENTS, HISTORY, Moment, events, next_links
from identity.links.matcher_columns import from_matcher
from identity.links.new_links import LINKS
from identity.links.person_ids import PREVIOUS, Mint, assign_ids
from identity.matching.groups.components import connected_components

DAY = timedelta(days=1)
START = datetime(2026, 7, 1, tzinfo=UTC)


def assign(groups: dict[str, int], before: dict[str, tuple[str, int]] | None = None, seed: int = 1) -> dict[str, str]:
    """record -> id, for record -> component; `before` is record -> (id, day of birth)."""
    ids = pa.array(sorted(groups), pa.string())
    previous = pa.Table.from_pylist(
        [{"record_id": r, "person_id": p, "born_at": START + day * DAY} for r, (p, day) in (before or {}).items()],
        schema=PREVIOUS,
    )
    found = assign_ids(ids, np.array([groups[r] for r in ids.to_pylist()]), previous=previous, mint=Mint(seed))
    return dict(zip(ids.to_pylist(), found.to_pylist(), strict=True))


def test_components_are_labelled_by_their_first_node() -> None:
    left, right = np.array([3, 5, 1, 6]), np.array([5, 2, 1, 6])
    assert connected_components(7, left, right).tolist() == [0, 1, 2, 2, 4, 2, 6]


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
@settings(max_examples=100, deadline=None)
def test_components_are_those_of_a_plain_search(edges: list[tuple[int, int]]) -> None:
    label = list(range(30))
    for a, b in edges * 30:
        label[a] = label[b] = min(label[a], label[b])
    found = connected_components(
        30, np.array([e[0] for e in edges], np.int64), np.array([e[1] for e in edges], np.int64)
    )
    assert found.tolist() == label


def test_ids_are_opaque_and_repeat_only_under_a_seed() -> None:
    assert Mint(3).draw(5).to_pylist() == Mint(3).draw(5).to_pylist()
    assert Mint().draw(5).to_pylist() != Mint().draw(5).to_pylist()
    assert all(i.startswith("p_") and len(i) == 22 for i in Mint().draw(50).to_pylist())


def test_id_that_was_given_out_is_not_drawn_again() -> None:
    first = Mint(3).draw(5)
    assert set(first.to_pylist()).isdisjoint(Mint(3).draw(5, taken=first).to_pylist())


def test_merge_keeps_the_older_id_however_small() -> None:
    found = assign({"a": 0, "b": 0, "c": 0}, {"a": ("p_young", 5), "b": ("p_young", 5), "c": ("p_old", 1)})
    assert set(found.values()) == {"p_old"}


def test_split_leaves_the_id_with_the_larger_part() -> None:
    found = assign({"a": 0, "b": 1, "c": 1}, dict.fromkeys("abc", ("p_one", 1)))
    assert found["b"] == found["c"] == "p_one"
    assert found["a"] != "p_one"


def test_split_and_merge_at_once_give_each_id_to_one_heir() -> None:
    before = {"a": ("p_1", 1), "b": ("p_1", 1), "c": ("p_1", 1), "d": ("p_2", 2)}
    assert assign({"a": 0, "b": 0, "c": 3, "d": 3}, before) == {"a": "p_1", "b": "p_1", "c": "p_2", "d": "p_2"}


GROUPINGS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 4), max_size=8)


@given(st.lists(GROUPINGS, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_history_of_random_runs_passes_every_check(runs: list[dict[str, int]]) -> None:
    """Ids are never reused, a rerun changes nothing, past graphs stay, each record has one link at every moment."""
    history = HISTORY.empty_table()
    seen: list[tuple[datetime, dict[str, str]]] = []
    owners: dict[str, int] = {}
    last: datetime | None = None
    for number, groups in enumerate(runs):
        now = START + number * DAY
        before = history.filter(pa.compute.is_null(history["valid_to"]))
        history = after_run(history, groups, Moment.of(now, last, START if last else None), seed=1)
        graph = as_of(history, now)
        assert graph.keys() == groups.keys(), "each record has exactly one link, and those that are gone have none"
        assert len({graph[r] for r in groups}) == len(set(groups.values()))
        assert after_run(history, groups, Moment.of(now, now, START), seed=1).equals(history), "a rerun changes nothing"
        opened = history.filter(pa.compute.is_null(history["valid_to"]))
        written_events = events(before, opened, run=number, at=now, is_backfilled=last is None).to_pylist()
        for event in written_events:
            if event["event_type"] in ("birth", "split"):
                owners.setdefault(event["person_id"], number)
        gone = {p for _, past in seen for p in past.values()} - set(before["person_id"].to_pylist())
        assert gone.isdisjoint(graph.values()), "an id that was given up is never used again"
        assert set(graph.values()) <= owners.keys(), "every person was born"
        for moment, past in seen:
            assert as_of(history, moment) == past, "what the graph was stays as it was"
        seen.append((now, graph))
        last = now


def after_run(history: pa.Table, groups: dict[str, int], moment: Moment, *, seed: int) -> pa.Table:
    """The history after a run that finds these groups."""
    opened = history.filter(pa.compute.is_null(history["valid_to"]))
    born = {}
    for row in history.to_pylist():
        born[row["person_id"]] = min(born.get(row["person_id"], row["valid_from"]), row["valid_from"])
    previous = pa.Table.from_pylist(
        [
            {"record_id": r["person_record_id"], "person_id": r["person_id"], "born_at": born[r["person_id"]]}
            for r in opened.to_pylist()
        ],
        schema=PREVIOUS,
    )
    ids = pa.array(sorted(groups), pa.string())
    persons = assign_ids(
        ids,
        np.array([groups[r] for r in ids.to_pylist()], np.int64),
        previous=previous,
        taken=history["person_id"].unique(),
        mint=Mint(seed),
    )
    links = pa.table(
        [ids, persons, pa.array(["X"] * len(ids), pa.string()), pa.array([1.0] * len(ids), pa.float64())], schema=LINKS
    )
    known = pa.table(
        {"person_record_id": ids, "known_at": pa.array([moment.now - DAY / 2] * len(ids), pa.timestamp("us", "UTC"))}
    )
    changes = next_links(history, links=from_matcher(links), known=known, moment=moment)
    rows = {(r["person_record_id"], r["valid_from"]): r for r in history.to_pylist()}
    rows |= {(r["person_record_id"], r["valid_from"]): r for r in changes.to_pylist()}
    return pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=HISTORY)


def as_of(history: pa.Table, moment: datetime) -> dict[str, str]:
    rows = [
        r
        for r in history.to_pylist()
        if r["valid_from"] <= moment and (r["valid_to"] is None or r["valid_to"] > moment)
    ]
    assert len({r["person_record_id"] for r in rows}) == len(rows)
    return {r["person_record_id"]: r["person_id"] for r in rows}


def test_first_load_holds_for_all_earlier_moments_also_when_sources_come_one_by_one() -> None:
    one = after_run(HISTORY.empty_table(), {"a": 0}, Moment.of(START, None, None), seed=1)
    two = after_run(one, {"a": 0, "b": 0}, Moment.of(START, START, START), seed=2)
    assert set(as_of(two, datetime(2001, 1, 1, tzinfo=UTC))) == {"a", "b"}
    assert set(two["valid_from"].to_pylist()) == {BEGINNING}
    assert two["is_backfilled"].to_pylist() == [True, True]


def test_link_holds_from_when_its_cause_was_known_but_never_in_a_closed_past() -> None:
    first = after_run(HISTORY.empty_table(), {"a": 0}, Moment.of(START, None, None), seed=1)
    later = after_run(first, {"a": 0, "b": 1}, Moment.of(START + 9 * DAY, START, START), seed=2)
    (new,) = [r for r in later.to_pylist() if r["person_record_id"] == "b"]
    assert new["valid_from"] == START + 8.5 * DAY
    assert not new["is_backfilled"]
    late = after_run(later, {"a": 0, "b": 1, "c": 2}, Moment.of(START + 9.2 * DAY, START + 9 * DAY, START), seed=3)
    (new,) = [r for r in late.to_pylist() if r["person_record_id"] == "c"]
    assert new["valid_from"] == START + 9 * DAY + timedelta(microseconds=1)


def test_ledger_shows_birth_merge_split_move_and_end_and_its_suite_knows_them() -> None:
    before = pa.table({"person_record_id": list("abcdefgi"), "person_id": ["1", "1", "2", "3", "3", "4", "5", "1"]})
    after = pa.table({"person_record_id": list("abcdefhi"), "person_id": ["1", "1", "1", "3", "6", "3", "7", "3"]})
    written_events = events(before, after, run=3, at=START, is_backfilled=False).to_pylist()
    assert {(e["event_type"], e["person_id"], e["other_person_id"]) for e in written_events} == {
        ("birth", "6", None),
        ("birth", "7", None),
        ("merge", "1", "2"),
        ("merge", "3", "4"),
        ("split", "6", "3"),
        ("move", "3", "1"),
        ("end", "5", None),
    }
    assert len({e["event_id"] for e in written_events}) == len(written_events)
    columns = dict.fromkeys(EVENTS.names, "VARCHAR")
    (known,) = [c for c in suite("identity/person_events", columns) if c.name == "is_a_known_value"]
    assert known.expected == "one of: birth, merge, split, move, end"


def test_clock_that_was_set_back_rewrites_nothing() -> None:
    assert Moment.of(START, START + DAY, START - DAY).earliest == START + DAY

"""Figures of links against truth are those of the slow definitions that pairs and records are walked through for."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.quality.evaluate import MAX_GROUPS, EvaluationError, Figures, evaluate, f1, wilson

Row = tuple[int, int, str | None]
IsIn = Callable[[int], bool]


def table(rows: list[Row]) -> tuple[pa.Table, pa.Table, pa.Table]:
    ids = [f"crm:customers:C{number}" for number in range(len(rows))]
    return (
        pa.table({"record_id": ids, "person_id": [f"p{row[0]}" for row in rows]}),
        pa.table({"record_id": ids[::-1], "truth": [row[1] for row in rows][::-1]}),
        pa.table({"record_id": ids, "script": pa.array([row[2] for row in rows], pa.string())}),
    )


def by_hand(rows: list[Row], is_in: IsIn) -> dict[str, float]:
    """Every figure from its own words: all pairs walked, all sets built."""
    pairs = [(a, b) for a, b in combinations(range(len(rows)), 2) if is_in(a) or is_in(b)]
    claimed = {pair for pair in pairs if rows[pair[0]][0] == rows[pair[1]][0]}
    real = {pair for pair in pairs if rows[pair[0]][1] == rows[pair[1]][1]}
    found = sets(rows, 0)
    true = sets(rows, 1)
    touched = {s for s in found.values() if any(map(is_in, s))}
    true_touched = {s for s in true.values() if any(map(is_in, s))}
    exact = touched & true_touched
    members = [n for n in range(len(rows)) if is_in(n)]
    both = {n: len(found[rows[n][0]] & true[rows[n][1]]) for n in members}
    over_merged = [s for s in touched if len({rows[n][1] for n in s}) > 1]
    split = [s for s in true_touched if len({rows[n][0] for n in s}) > 1]
    return {
        "records": len(members),
        "persons": len(touched),
        "true_persons": len(true_touched),
        "precision": len(claimed & real) / len(claimed) if claimed else 1.0,
        "recall": len(claimed & real) / len(real) if real else 1.0,
        "cluster_precision": len(exact) / len(touched),
        "cluster_recall": len(exact) / len(true_touched),
        "b_cubed_precision": sum(both[n] / len(found[rows[n][0]]) for n in members) / len(members),
        "b_cubed_recall": sum(both[n] / len(true[rows[n][1]]) for n in members) / len(members),
        "over_merged": len(over_merged),
        "over_merged_share": len(over_merged) / len(touched),
        "split": len(split),
        "split_share": len(split) / len(true_touched),
    }


def sets(rows: list[Row], side: int) -> dict[int, frozenset[int]]:
    return {key: frozenset(n for n, row in enumerate(rows) if row[side] == key) for key in {row[side] for row in rows}}


def assert_equal(figures: Figures, expected: dict[str, float]) -> None:
    for name, value in expected.items():
        assert getattr(figures, name) == pytest.approx(value, abs=1e-12), name
    assert figures.f1 == pytest.approx(f1(expected["precision"], expected["recall"]))
    assert figures.cluster_f1 == pytest.approx(f1(expected["cluster_precision"], expected["cluster_recall"]))
    assert figures.b_cubed == pytest.approx(f1(expected["b_cubed_precision"], expected["b_cubed_recall"]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from(["Han", "Latin", None])),
        min_size=1,
        max_size=25,
    )
)
def test_figures_of_all_and_of_each_group_are_those_of_the_slow_definitions(rows: list[Row]) -> None:
    found = evaluate(*table(rows))
    assert_equal(found.all, by_hand(rows, lambda _: True))
    assert found.groups["script"].keys() == {row[2] for row in rows}
    for value, figures in found.groups["script"].items():
        assert_equal(figures, by_hand(rows, lambda n, value=value: rows[n][2] == value))  # type: ignore[misc]


def test_textbook_case_of_b_cubed_has_the_figures_of_the_textbook() -> None:
    """Bagga and Baldwin 1998, figure 1: of three true chains of 5, 2 and 5, the last two were taken for one."""
    rows: list[Row] = [(0, 0, None)] * 5 + [(1, 1, None)] * 2 + [(1, 2, None)] * 5
    figures = evaluate(*table(rows)).all
    assert figures.b_cubed_precision == pytest.approx((5 + 2 * 2 / 7 + 5 * 5 / 7) / 12)
    assert figures.b_cubed_recall == 1.0
    assert (figures.over_merged, figures.split, figures.cluster_precision) == (1, 0, 0.5)


def test_what_only_one_table_has_and_what_is_not_known_is_left_out_and_counted() -> None:
    links = pa.table({"record_id": ["a", "b", "c", "d", "e"], "person_id": ["p", "p", "p", None, "q"]})
    truth = pa.table({"record_id": ["a", "b", "c", "d", "x", "y"], "truth": ["1", "1", None, "2", "1", None]})
    found = evaluate(links, truth)
    assert (found.unresolved, found.truth_unknown, found.links_without_truth, found.truth_without_links) == (1, 1, 1, 2)
    assert (found.all.records, found.all.precision, found.all.recall) == (2, 1.0, 1.0)


def test_truth_that_nobody_knows_gives_figures_of_no_records() -> None:
    links = pa.table({"record_id": ["a"], "person_id": ["p"]})
    found = evaluate(links, pa.table({"record_id": ["a"], "truth": pa.nulls(1, pa.float64())}))
    assert (found.all.records, found.all.persons, found.all.precision, found.truth_unknown) == (0, 0, 1.0, 1)


def test_numbers_with_gaps_as_pandas_gives_them_are_people_and_gaps() -> None:
    links = pa.table({"record_id": [1, 2, 3], "person_id": [7, 7, 8]})
    found = evaluate(links, pa.table({"record_id": [1, 2, 3], "truth": [5.0, 5.0, float("nan")]}))
    assert (found.all.records, found.truth_unknown, found.all.f1) == (2, 1, 1.0)


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.float16(), pa.int64(), pa.string()])
def test_ids_are_the_same_ids_whatever_type_a_file_gives_them(kind: pa.DataType) -> None:
    links = pa.table({"record_id": pa.array([1, 2, 3]), "person_id": pa.array([7, 7, 8])})
    ids = pa.array(np.array([1, 2, 3], np.float16)).cast(pa.float32()) if kind == pa.float16() else pa.array([1, 2, 3])
    found = evaluate(links, pa.table({"record_id": ids.cast(kind), "truth": ["x", "x", "y"]}))
    assert (found.all.records, found.all.f1) == (3, 1.0)


def test_group_may_bear_any_name() -> None:
    links = pa.table({"record_id": ["a", "b"], "person_id": ["p", "p"]})
    truth = pa.table({"record_id": ["a", "b"], "truth": ["1", "2"]})
    names = ["person_id", "truth", "value", "Record_ID", "gender", "Gender", "", 'a "b" [/c]']
    groups = pa.table([["a", "b"], *([f"{number}", None] for number in range(len(names)))], names=["record_id", *names])
    found = evaluate(links, truth, groups).groups
    assert {name: set(of) for name, of in found.items()} == {name: {str(n), None} for n, name in enumerate(names)}


@pytest.mark.parametrize(
    ("links", "truth", "says"),
    [
        ({"record_id": ["a"]}, {"record_id": ["a"], "truth": ["1"]}, r"links lacks the column\(s\) person_id"),
        ({"record_id": ["a"], "person_id": ["p"]}, {"id": ["a"], "truth": ["1"]}, "truth lacks .* record_id"),
        (
            {"record_id": ["a", "a"], "person_id": ["p", "q"]},
            {"record_id": ["a"], "truth": ["1"]},
            r"rows without a record_id \(0\) or with one seen before \(1\)",
        ),
        (
            {"record_id": ["a"], "person_id": ["p"]},
            {"record_id": [None, "a"], "truth": ["1", "2"]},
            r"truth has rows without a record_id \(1\)",
        ),
        ({"record_id": pa.array([], "str"), "person_id": []}, {"record_id": ["a"], "truth": ["1"]}, "links is empty"),
        ({"record_id": ["a"], "person_id": ["p"]}, {"record_id": ["b"], "truth": ["1"]}, "no record_id in common"),
        (
            {"record_id": ["a"], "person_id": ["p"]},
            {"record_id": ["a"], "truth": pa.array([b"\xff"], pa.binary()).view(pa.string())},
            "column truth of the truth holds text that is not UTF-8",
        ),
    ],
)
def test_unusable_tables_are_rejected_with_a_cure(
    links: dict[str, object], truth: dict[str, object], says: str
) -> None:
    with pytest.raises(EvaluationError, match=says) as rejected:
        evaluate(pa.table(links), pa.table(truth))
    assert rejected.value.cure
    assert rejected.value.exit_code == 2


def test_column_of_too_many_values_is_no_group() -> None:
    rows: list[Row] = [(n, n, str(n)) for n in range(MAX_GROUPS + 1)]
    with pytest.raises(EvaluationError, match="group column script has 201 values"):
        evaluate(*table(rows))


def test_wilson_interval_is_that_of_the_tables() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(10, 10) == (pytest.approx(0.7225, abs=1e-4), 1.0)
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(81, 263) == (pytest.approx(0.2553, abs=1e-4), pytest.approx(0.3662, abs=1e-4))

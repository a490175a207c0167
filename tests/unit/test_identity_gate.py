"""The gate judges the matcher's own grouping by people's labels; contradictions among labels are named as a chain."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from contracts.settings import reset_settings
from identity.quality.gate import Gate, PrecisionError, check_precision, judge, judge_by_group
from identity.review.labels import DIFFERENT, IN_FORCE, SAME, Label, contradiction


def grouping(*persons: str) -> pa.Table:
    """Each text is a person, each letter a record."""
    rows = [(record, number) for number, person in enumerate(persons) for record in person]
    return pa.table({"person_record_id": [r for r, _ in rows], "component": pa.array([n for _, n in rows], pa.int64())})


def labels(*said: str) -> pa.Table:
    """`a=b` the same, `a!b` different."""
    rows = [
        {"person_record_id_l": s[0], "person_record_id_r": s[2], "label": SAME if s[1] == "=" else DIFFERENT}
        for s in said
    ]
    return pa.Table.from_pylist(rows, schema=IN_FORCE)


def held(*said: str) -> list[Label]:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    return [Label(s[0], s[2], SAME if s[1] == "=" else DIFFERENT, at, "ann") for s in said]


def chain(held_labels: list[Label]) -> list[str]:
    return [
        f"{one.person_record_id_l}{'=' if one.label == SAME else '!'}{one.person_record_id_r}" for one in held_labels
    ]


def test_precision_and_recall_count_claimed_and_true_pairs_that_were_labelled() -> None:
    found = judge(grouping("abc", "de", "f"), labels("a=b", "a!c", "d=f", "d!f", "a=z", "e!f"))
    assert (found.pairs, found.gone, found.claimed, found.right, found.same) == (5, 1, 2, 1, 2)
    assert (found.precision, found.recall) == (0.5, 0.5)
    assert (found.wrong, found.missed) == ((("a", "c"),), (("d", "f"),))


def test_nothing_labelled_is_nothing_known_and_blocks_nothing() -> None:
    found = check_precision(grouping("ab"), labels())
    assert found == Gate()
    assert (found.precision, found.recall, found.precision_interval) == (None, None, (0.0, 1.0))


def test_links_below_the_agreed_precision_are_blocked_once_there_are_enough_labels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKE_IDENTITY_PRECISION", "0.8")
    monkeypatch.setenv("LAKE_IDENTITY_LEAST_LABELS", "4")
    reset_settings()
    try:
        wrong, right = grouping("abc", "de"), labels("a=b", "b!c", "d=e")
        assert check_precision(wrong, right).precision == pytest.approx(2 / 3)  # three labels: too few to say
        with pytest.raises(PrecisionError, match=r"on 3 labelled pairs is 0\.6667 .* below the agreed 0\.8.* b,c") as e:
            check_precision(wrong, labels("a=b", "b!c", "d=e", "a!d"))
        assert e.value.exit_code == 1
        assert "lake identity review" in e.value.cure
        assert e.value.gate.wrong == (("b", "c"),)
        assert check_precision(grouping("ab", "c", "de"), labels("a=b", "b!c", "d=e", "a!d")).precision == 1.0
    finally:
        monkeypatch.undo()
        reset_settings()


def test_a_pair_counts_for_every_group_that_its_records_tell() -> None:
    by_group = judge_by_group(
        grouping("abc", "de"),
        labels("a=b", "b!c", "c=d", "d=e"),
        {"script": {"a": "Han", "b": "Han", "c": "Latin", "z": "Greek"}},
    )
    assert {value: (gate.pairs, gate.right) for value, gate in by_group["script"].items()} == {
        "Han": (2, 1),
        "Latin": (2, 0),
        None: (1, 1),
    }


def test_contradictions_are_found_over_any_number_of_steps() -> None:
    assert chain(contradiction(held("a=b", "b=c", "c=d"), left="a", right="d", label=DIFFERENT)) == [
        "a=b",
        "b=c",
        "c=d",
    ]
    assert chain(contradiction(held("a=b", "c=d", "b!d"), left="a", right="c", label=SAME)) == ["a=b", "b!d", "c=d"]
    assert (
        chain(contradiction(held("a!b"), left="a", right="b", label=SAME)) == []
    )  # a change of mind, no contradiction
    assert contradiction(held("a=b", "b!c", "d=e"), left="a", right="d", label=SAME) == []
    assert contradiction(held("a!b", "b!c"), left="a", right="c", label=DIFFERENT) == []

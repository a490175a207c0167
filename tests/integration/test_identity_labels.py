"""Labels, the review queue and the history of figures on a lake: nothing is lost, written twice or logged."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from contracts.catalogue.tables import PERSON_LABELS, PERSON_RECORDS
from contracts.settings import reset_settings
from identity.matching.pairs.person_model import load_model, model_text
from identity.matching.pairs.training import Trained
from identity.quality.figures import check_against_labels, groups_of, history, judge_published
from identity.quality.gate import PrecisionError
from identity.review.labels import (
    DIFFERENT,
    SAME,
    WITHDRAWN,
    LabelError,
    give_label,
    read_labels,
)
from identity.review.queue import count_open, find_pair, open_reviews, pair_id
from identity.review.sampling import sample_of_links
from identity.review.side_by_side import side_by_side
from identity.review.trained_models import store_model
from lake.sql.connections import connect
from lake.tables import scan, table_version
from tests.declared_tables import leave_table
from tests.integration.identity_lake import NOW, A, B, C, D, make, unsure, update_reviews


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], datetime]]:
    """A lake of four records, A and B linked; call it to set the lake's day."""
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))

    def set_day(day: int) -> datetime:
        monkeypatch.setenv("LAKE_NOW", (NOW + timedelta(days=day)).isoformat())
        reset_settings()
        return NOW + timedelta(days=day)

    set_day(0)
    make()
    yield set_day
    monkeypatch.undo()
    reset_settings()


def in_force() -> list[tuple[str, str, str]]:
    return [(row["person_record_id_l"], row["person_record_id_r"], row["label"]) for row in read_labels().to_pylist()]


def test_newest_label_of_a_pair_holds_and_a_withdrawn_one_says_nothing(lake: Callable[[int], datetime]) -> None:
    assert read_labels().num_rows == 0
    first = give_label(B, A, SAME, note="same voice on the phone")
    assert first is not None
    assert (first.person_record_id_l, first.labelled_at) == (A, NOW)
    assert in_force() == [(A, B, SAME)]
    assert give_label(A, B, SAME) is None  # said before: no new version
    assert table_version(PERSON_LABELS) == 0
    give_label(A, B, DIFFERENT)  # at the same moment of the lake's clock
    assert in_force() == [(A, B, DIFFERENT)]
    give_label(A, B, WITHDRAWN)
    assert in_force() == []
    assert table_version(PERSON_LABELS) == 2
    with pytest.raises(LabelError, match=r"no label of .* to withdraw"):
        give_label(A, B, WITHDRAWN)


def test_contradictory_label_is_rejected_with_its_chain_and_a_cure(lake: Callable[[int], datetime]) -> None:
    give_label(A, B, SAME)
    give_label(B, C, SAME)
    with pytest.raises(LabelError) as rejected:
        give_label(C, A, DIFFERENT)
    assert f"{A} same {B}" in str(rejected.value)
    assert f"{B} same {C}" in str(rejected.value)
    assert "withdraw" in rejected.value.cure
    assert rejected.value.exit_code == 2
    assert in_force() == [(A, B, SAME), (B, C, SAME)]
    give_label(A, B, WITHDRAWN)
    give_label(A, C, DIFFERENT)
    with pytest.raises(LabelError, match=rf"{A} different {C} .*{B} same {C}"):
        give_label(A, B, SAME)


def test_unknown_record_and_one_record_twice_are_rejected(lake: Callable[[int], datetime]) -> None:
    with pytest.raises(LabelError, match="no record crm:customers:X"):
        give_label(A, "crm:customers:X", SAME)
    with pytest.raises(LabelError, match="given twice"):
        give_label(A, A, SAME)
    assert table_version(PERSON_LABELS) is None


def test_label_of_a_record_that_is_gone_can_be_taken_back_and_none_given(lake: Callable[[int], datetime]) -> None:
    lake(1)
    give_label(A, D, DIFFERENT)
    with connect() as con:
        left = con.execute(f"select * from {scan(PERSON_RECORDS)} where person_record_id <> ?", [D]).to_arrow_table()
    leave_table(PERSON_RECORDS, left)
    assert find_pair(f"{D},{A}") == (D, A)
    give_label(A, D, WITHDRAWN)
    assert in_force() == []
    with pytest.raises(LabelError, match=f"no record {D}"):
        give_label(A, D, SAME)
    with pytest.raises(LabelError, match=f"no record {D}"):
        find_pair(f"{D},{A}")


def test_pair_is_named_by_its_short_id_or_by_its_records_even_with_commas(lake: Callable[[int], datetime]) -> None:
    update_reviews(unsure((A, C, "NEAR_THRESHOLD", 0.5)), at=NOW, run=0)
    (waiting,) = open_reviews()
    assert waiting.pair_id == pair_id(C, A) == pair_id(A, C)
    assert find_pair(waiting.pair_id) == find_pair(waiting.pair_id[:6]) == find_pair(waiting.pair_id[2:]) == (A, C)
    assert find_pair(f"{A},{D}") == (A, D)
    assert find_pair(f"{D},{A}") == (D, A)
    with pytest.raises(LabelError, match="no review is called q-zz"):
        find_pair("q-zz")
    with pytest.raises(LabelError, match="no record crm:customers:Y"):
        find_pair(f"{A},crm:customers:Y")


def test_queue_follows_what_runs_find_and_an_idle_run_writes_nothing(lake: Callable[[int], datetime]) -> None:
    table = "identity/person_reviews"
    assert update_reviews(unsure(), at=NOW, run=0) == 0
    assert table_version(table) is None
    near = load_model().threshold_bits
    found = unsure((C, A, "NEAR_THRESHOLD", near - 1.2), (A, D, "CUT_BRIDGE", 7.0), (A, B, "NEAR_THRESHOLD", near))
    assert update_reviews(found, at=NOW, run=1) == 3
    assert update_reviews(found, at=NOW + timedelta(days=1), run=2) == 3
    assert table_version(table) == 0
    # A tie that was cut is unsure however strong it is; A and B are one person by other ties.
    assert [(one.person_record_id_r, one.records) for one in open_reviews()] == [(D, 3), (C, 3), (B, 2)]
    assert open_reviews(reason="CUT_BRIDGE", maximum=1)[0].weights == [
        {"comparison": "name", "weight_bits": 3.0},
        {"comparison": "birth", "weight_bits": 3.0},
    ]
    give_label(A, C, DIFFERENT)
    assert {(one.person_record_id_l, one.person_record_id_r) for one in open_reviews()} == {
        (A, B),
        (A, D),
    }  # before any run
    assert update_reviews(unsure((C, A, "NEAR_THRESHOLD", near), (A, B, "TOO_LARGE", near)), at=NOW, run=3) == 1
    assert count_open() == {"TOO_LARGE": 1}
    states = {row["person_record_id_r"]: (row["state"], row["closed_by"], row["run"]) for row in rows(table)}
    assert states == {B: ("open", None, 3), C: ("closed", "label", 3), D: ("closed", "no_longer_found", 3)}
    give_label(A, C, WITHDRAWN)
    later = lake(5)
    assert update_reviews(unsure((C, A, "NEAR_THRESHOLD", 0.52)), at=later, run=4) == 1
    (again,) = [row for row in rows(table) if row["person_record_id_r"] == C]
    assert (again["state"], again["closed_by"], again["first_seen_at"]) == ("open", None, NOW)


def test_how_unsure_a_pair_is_depends_on_the_model_in_use(lake: Callable[[int], datetime]) -> None:
    shipped = load_model()
    near = shipped.threshold_bits
    update_reviews(unsure((A, C, "NEAR_THRESHOLD", near), (A, D, "NEAR_THRESHOLD", near + 4)), at=NOW, run=0)
    assert [one.person_record_id_r for one in open_reviews()] == [C, D]
    model_document = json.loads(
        model_text(shipped, version="ours", splink=shipped.splink, housemates=shipped.housemates)
    )
    store_model(Trained(json.dumps(model_document | {"threshold_bits": near + 4}), ties=60, housemates=9, kept={}))
    assert [one.person_record_id_r for one in open_reviews()] == [D, C]


def test_run_that_looked_at_some_records_leaves_the_reviews_of_others(lake: Callable[[int], datetime]) -> None:
    update_reviews(unsure((A, C, "NEAR_THRESHOLD", 0.5), (B, D, "NEAR_THRESHOLD", 0.5)), at=NOW, run=0)
    assert update_reviews(unsure(), at=NOW, run=1, among=pa.array([C])) == 1
    assert [one.person_record_id_l for one in open_reviews()] == [B]


def test_pair_is_shown_with_every_field_and_a_waterfall_that_adds_up(lake: Callable[[int], datetime]) -> None:
    update_reviews(unsure((A, B, "NEAR_THRESHOLD", 1.5)), at=NOW, run=0)
    give_label(A, B, SAME)
    shown = side_by_side(B, A)
    assert ("phone", "13512349876", "13512349876") in shown.fields
    assert ("full_name", "王小明", "Wang Xiaoming") in shown.fields
    assert not any(name == "email" for name, _, _ in shown.fields)
    assert sum(step.weight_bits for step in shown.steps) == pytest.approx(1.5)
    assert [step.comparison for step in shown.steps] == ["prior", "name", "birth"]
    assert shown.is_one_person
    assert shown.label is not None
    assert shown.label.label == SAME
    assert side_by_side(A, C).steps == []


def test_sample_is_drawn_from_links_and_leaves_out_what_was_labelled(lake: Callable[[int], datetime]) -> None:
    assert sample_of_links(5) == [(A, B)]
    give_label(A, B, SAME)
    assert sample_of_links(5) == []


def test_figures_of_every_resolving_run_are_kept_and_a_blocked_one_is_too(
    lake: Callable[[int], datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_IDENTITY_LEAST_LABELS", "2")
    give_label(A, B, SAME)
    give_label(C, D, DIFFERENT)
    good = pa.table({"person_record_id": [A, B, C, D], "component": [0, 0, 1, 2]})
    bad = pa.table({"person_record_id": [A, B, C, D], "component": [0, 0, 1, 1]})
    assert check_against_labels(good, read_labels(), run=1, persons=3, open_reviews=7).precision == 1.0
    lake(1)
    with pytest.raises(PrecisionError, match=r"crm:customers:C,crm:customers:D,1"):
        check_against_labels(bad, read_labels(), run=2, persons=2, open_reviews=0)
    first, second = history()
    assert (first.state, first.precision, first.persons, first.open_reviews) == ("passed", 1.0, 3, 7)
    assert (second.state, second.precision, second.labelled_pairs) == ("blocked", 0.5, 2)
    assert first.precision_low is not None
    assert first.precision_low < 0.3  # one pair proves little
    assert [one.run for one in history(most=1)] == [2]


def test_groups_are_known_by_the_records_themselves(lake: Callable[[int], datetime]) -> None:
    assert groups_of([A, B, C, D]) == {
        "gender": {A: "M", B: None, C: "F", D: None},
        "age_band": {A: "30 to 44", B: "30 to 44", C: "under 18", D: None},
        "script": {A: "Han", B: "Latin", C: "Han", D: "Latin"},
    }
    give_label(A, B, SAME)
    give_label(A, D, DIFFERENT)
    gate, by_group = judge_published(read_labels())
    assert (gate.precision, gate.recall) == (1.0, 1.0)
    assert {value: own.pairs for value, own in by_group["script"].items()} == {"Han": 2, "Latin": 2}


def test_notes_names_and_values_stand_in_no_log_of_the_tables(lake: Callable[[int], datetime]) -> None:
    give_label(A, B, SAME, note="Wang said on 13512349876 that he is 王小明")
    update_reviews(unsure((A, C, "NEAR_THRESHOLD", 0.5)), at=NOW, run=0)
    check_against_labels(
        pa.table({"person_record_id": [A, B], "component": [0, 0]}), read_labels(), run=0, persons=1, open_reviews=1
    )
    root = Path(os.environ["LAKE_HOME"]) / "delta"
    logs = [
        path
        for table in (PERSON_LABELS, "identity/person_reviews", "ops/identity_quality")
        for path in (root / table / "_delta_log").glob("*.json")
    ]
    assert len(logs) == 3
    text = "".join(path.read_text() for path in logs)
    who = json.loads(json.dumps([row["labelled_by"] for row in rows(PERSON_LABELS)]))[0]
    assert not any(value in text for value in ("王小明", "Wang", "13512349876", f'"{who}"'))


def rows(table: str) -> list[dict[str, Any]]:
    from lake.tables import open_table

    found = open_table(table)
    assert found is not None
    return list(found.to_pyarrow_table().to_pylist())


def test_label_given_while_a_run_is_at_work_is_not_taken_for_read(lake: Callable[[int], datetime]) -> None:
    from orchestration.session import versions_read

    assert table_version(PERSON_LABELS) is None  # when the run began
    give_label(A, B, SAME)  # the run is past the identity step
    assert PERSON_LABELS not in versions_read({})
    assert versions_read({PERSON_LABELS: 0})[PERSON_LABELS] == 0

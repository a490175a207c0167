"""`lake identity evaluate`, `review`, `label` and `labels` as a person meets them: tables, documents, codes, cures."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cli import build_app
from contracts.errors import LakeError
from identity.review.labels import LabelError
from tests.integration import identity_lake
from tests.integration.identity_lake import A, B, C
from tests.small_lake import SmallLake

HOSTILE_NOTE = "[/red] \x1b[31m"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """Four records, two of them linked, one pair to review."""
    folder = tmp_path_factory.mktemp("judged")
    made = SmallLake(folder / "home", folder / "token.key")
    with made.opened():
        identity_lake.make()
        identity_lake.update_reviews(identity_lake.unsure((A, C, "NEAR_THRESHOLD", 0.5)))
    return made


def write(folder: Path, name: str, **columns: list[object]) -> str:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table(columns), path)
    return str(path)


def test_links_are_evaluated_against_a_truth_with_the_agreed_keys(lake: SmallLake, tmp_path: Path) -> None:
    ids: list[object] = ["a", "b", "c", "d", "e"]
    links = write(tmp_path, "links", record_id=ids, person_id=["p", "p", "q", "q", "r"])
    truth = write(tmp_path, "truth", record_id=ids, truth=["1", "1", "1", "2", None])
    groups = write(tmp_path, "groups", record_id=ids, gender=["F", "F", "F", "M", None])
    files = ("--links", links, "--truth", truth)
    found = lake.json("identity", "evaluate", *files, "--groups", groups)
    assert (found["precision"], found["recall"], found["f1"]) == (0.5, pytest.approx(1 / 3), pytest.approx(0.4))
    assert (found["persons"], found["true_persons"], found["over_merged"], found["split"]) == (2, 2, 1, 1)
    assert found["b_cubed"] == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))
    assert found["truth_unknown"] == 1
    assert {row["value"]: row["precision"] for row in found["groups"]["gender"]} == {"F": 0.5, "M": 0.0}
    said = lake.ok("identity", "evaluate", *files).stdout
    assert "pairs of records" in said
    assert "left out         1 record whose truth is not known" in said


def test_unusable_files_end_with_2_and_a_cure(lake: SmallLake, tmp_path: Path) -> None:
    """What is rejected in the tables themselves is tested in tests/unit/test_identity_evaluate.py."""
    links = write(tmp_path, "links", record_id=["a"], person_id=["p"])
    text = tmp_path / "text.parquet"
    text.write_text("record_id,truth\n")
    for truth, says in ((links, "lacks the column(s) truth"), (str(text), "cannot be read as Parquet")):
        done = lake.lake("identity", "evaluate", "--links", links, "--truth", truth)
        assert done.returncode == 2, truth
        assert says in done.stderr
        assert "cure:" in done.stderr
    alone = lake.lake("identity", "evaluate", "--links", links)
    assert (alone.returncode, "give both --links and --truth" in alone.stderr) == (2, True)


def test_pair_is_reviewed_labelled_listed_and_measured(lake: SmallLake) -> None:
    with lake.opened():  # in this process: a dozen commands, whose start would cost more than their work
        (waiting,) = document("review")["reviews"]
        assert waiting["reason"] == "NEAR_THRESHOLD"
        assert waiting["pair_id"] in output_of("review", "--reason", "NEAR_THRESHOLD")
        shown = output_of("review", waiting["pair_id"])
        assert "王小明" in shown
        assert "█" in shown
        assert "586 in 1,000" in shown  # half a bit
        assert output_of("review", "--sample", "3").count(f"{A},{B}") == 2
        said = output_of("label", waiting["pair_id"], "different", "--note", "father and son")
        assert "are two people" in said
        assert "next run" in said
        assert "no pair waits" in output_of("review")
        assert document("label", f"{B},{A}", "same")["label"]["record_id_l"] == A
        assert document("label", f"{A},{B}", "same") == {"written": False, "label": None}
        with pytest.raises(LabelError, match=f"{A} different {C}"):
            output_of("label", f"{B},{C}", "same")
        assert "father and son" in output_of("labels")
        measured = document("evaluate")
        assert (measured["links"]["precision"], measured["links"]["recall"], measured["labels"]) == (1.0, 1.0, 2)
        assert {row["value"]: row["pairs"] for row in measured["groups"]["script"]} == {"Han": 2, "Latin": 1}
        assert "95 %" in output_of("evaluate")
        assert "any more" in output_of("label", f"{A},{B}", "withdraw")
        assert len(document("labels")["labels"]) == 1
        assert document("label", f"{B},{C}", "different", "--note", HOSTILE_NOTE)["written"] is True
        assert document("label", f"{B},{C}", "different")["written"] is False
        assert "[/red] ␛[31m" in output_of("labels")
        assert "[/red] ␛[31m" in output_of("review", f"{B},{C}")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["--reason", "near_threshold"], "give one of AMBIGUOUS, CUT_BRIDGE, NEAR_THRESHOLD, TOO_LARGE"),
        (["q-", "--sample", "3"], "give PAIR, --reason or --sample"),
        (["  "], "no pair was named"),
        ([f"{A},{A}"], "given twice"),
        (["x" * 10_000], "x…"),
    ],
)
def test_review_of_nothing_that_there_is_says_what_to_ask(lake: SmallLake, asked: list[str], says: str) -> None:
    with lake.opened(), pytest.raises(LakeError) as rejected:
        output_of("review", *asked)
    assert rejected.value.exit_code == 2
    assert says in str(rejected.value)


def test_numbers_beyond_the_engine_are_wrong_usage(lake: SmallLake) -> None:
    with lake.opened():
        for option in ("--most", "--sample"):
            assert CliRunner().invoke(build_app(), ["identity", "review", option, "9" * 23]).exit_code == 2


def output_of(*arguments: str) -> str:
    """What a command of `lake identity` prints when it ends well."""
    done = CliRunner().invoke(build_app(), ["identity", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


def document(*arguments: str) -> Any:
    """The document of a command with --json."""
    return json.loads(output_of(*arguments, "--json"))


def test_lake_without_records_or_labels_says_what_to_do(tmp_path: Path) -> None:
    nothing = SmallLake(tmp_path / "home", tmp_path / "token.key")
    assert "no pair waits" in nothing.ok("identity", "review").stdout
    assert "nobody has labelled" in nothing.ok("identity", "evaluate").stdout
    assert nothing.lake("identity", "label", "a,b", "perhaps").returncode == 2
    rejected = nothing.lake("identity", "label", "a,b", "same")
    assert rejected.returncode == 2
    assert "lake run" in rejected.stderr

"""The identity step with labels: they wake it, they hold, and links below the agreed precision do not get out."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from contracts.catalogue.tables import PERSON_INDEX, PERSON_LINKS
from contracts.settings import reset_settings
from identity.quality.figures import history
from identity.quality.gate import PrecisionError
from identity.review.labels import DIFFERENT, SAME, WITHDRAWN, give_label
from identity.review.sampling import sample_of_links
from identity.update import update_identity
from lake.data_files import table_folder
from lake.sql.connections import connect
from lake.tables import list_tables, scan, table_version
from tests.integration.identity_lake import NOW, A, B, C, make
from tests.small_lake import SmallLake


@pytest.fixture
def resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Four records, resolved by the step itself: A and B are one person."""
    monkeypatch.setenv("LAKE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LAKE_TOKEN_KEY_FILE", str(tmp_path / "token.key"))
    monkeypatch.setenv("LAKE_NOW", NOW.isoformat())
    reset_settings()
    make(with_links=False)
    update_identity()
    monkeypatch.setenv("LAKE_NOW", (NOW + timedelta(days=1)).isoformat())
    reset_settings()
    yield
    monkeypatch.undo()
    reset_settings()


def persons() -> dict[str, str]:
    with connect() as con:
        return dict(
            con.sql(f"select person_record_id, person_id from {scan(PERSON_LINKS)} where valid_to is null").fetchall()
        )


def versions() -> dict[str, int | None]:
    return {name: table_version(name) for name in list_tables()}


def test_new_label_wakes_the_step_and_taking_it_back_restores_the_persons(resolved: None) -> None:
    before = persons()
    assert before[A] == before[B]
    assert update_identity().state == "skipped"
    give_label(A, B, DIFFERENT)
    give_label(A, C, SAME)
    assert update_identity().state == "updated"
    after = persons()
    assert after[A] == after[C] != after[B]
    idle = versions()
    assert update_identity().state == "skipped"
    assert versions() == idle
    give_label(A, B, WITHDRAWN)
    give_label(A, C, WITHDRAWN)
    update_identity()
    again = persons()
    assert again[A] == again[B] != again[C]


def test_links_below_the_agreed_precision_are_not_published_and_the_run_says_which(
    resolved: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = table_version(PERSON_LINKS)
    index = set(table_folder(PERSON_INDEX).iterdir())
    give_label(A, B, DIFFERENT)
    monkeypatch.setenv("LAKE_IDENTITY_LEAST_LABELS", "1")
    reset_settings()
    for _ in range(2):  # and again, until somebody does something about it
        with pytest.raises(PrecisionError, match=f"{A},{B}"):
            update_identity()
    assert table_version(PERSON_LINKS) == before
    assert set(table_folder(PERSON_INDEX).iterdir()) == index  # nothing is left lying about
    assert [(run.state, run.precision) for run in history()][-2:] == [("blocked", 0.0), ("blocked", 0.0)]
    monkeypatch.setenv("LAKE_IDENTITY_PRECISION", "0")
    reset_settings()
    assert update_identity().state == "updated"  # the label holds in what is published
    assert persons()[A] != persons()[B]
    assert history()[-1].state == "passed"


@pytest.mark.prove
def test_run_is_stopped_by_wrong_links_and_goes_on_when_the_judgement_is_taken_back(lake_copy: SmallLake) -> None:
    with lake_copy.opened():
        (left, right), (other, another) = sample_of_links(2)
    lake_copy.ok("identity", "label", f"{left},{right}", "different")
    assert "1 tables changed outside a run" in lake_copy.ok("run").stdout  # one label alone stops nothing
    with lake_copy.opened():
        parted = persons()
    assert parted[left] != parted[right]
    assert lake_copy.ok("run").stdout.startswith("nothing new since")
    before = lake_copy.versions()
    lake_copy.ok("identity", "label", f"{other},{another}", "different")
    stopped = lake_copy.lake("run", LAKE_IDENTITY_LEAST_LABELS="2")
    assert stopped.returncode == 1
    assert "below the agreed 0.99" in stopped.stdout
    assert "cure: look at them" in stopped.stdout
    after = lake_copy.versions()
    assert {name for name in after if before.get(name) != after[name]} == {"identity/person_labels"}
    assert lake_copy.json("identity", "evaluate")["runs"][-1]["state"] == "blocked"
    for pair in (f"{left},{right}", f"{other},{another}"):
        lake_copy.ok("identity", "label", pair, "withdraw")
    lake_copy.ok("run")
    with lake_copy.opened():
        again = persons()
    assert again[left] == again[right]

"""The feature store: what is trained on and what is served are the same values, and an idle run costs nothing."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import yaml

from contracts.settings import PROJECT_ROOT
from features import configuration, store
from features.catalogue import load_groups, load_services, served_groups
from features.declarations import MODELS_ROOT
from tests.integration.feature_lake import copied_lake, lake_at, read
from tests.integration.small_bronze import NOW

if TYPE_CHECKING:
    from feast import FeatureStore

EVERYTHING = "all_person_features"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied_lake(tmp_path_factory)[0]


@pytest.fixture(scope="module", autouse=True)
def lake(home: Path) -> Iterator[None]:
    with lake_at(home):
        yield


@pytest.fixture(scope="module")
def served(home: Path) -> "FeatureStore":
    """The store as a modeller opens it, after the lake's own steps."""
    store.apply()
    store.materialize()
    from feast import FeatureStore

    return FeatureStore(repo_path=str(home / "feast"))


@pytest.fixture(scope="module")
def persons() -> list[str]:
    """The persons of the newest snapshot; one of the twelve was merged into another."""
    frame = read("features/relationship", "person_id, event_timestamp")
    return sorted(frame[frame.event_timestamp == pd.Timestamp(NOW)]["person_id"])


def spine(persons: list[str], moment: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame({"person_id": persons, "event_timestamp": moment})


def test_training_frame_and_online_read_give_the_same_values(served: "FeatureStore", persons: list[str]) -> None:
    service = served.get_feature_service(EVERYTHING)
    trained = served.get_historical_features(spine(persons, pd.Timestamp(NOW)), service).to_df()
    read_online = served.get_online_features(service, [{"person_id": person} for person in persons]).to_df()
    names = [feature.name for group in load_groups() for feature in group.features]
    assert set(trained.columns) == {"person_id", "event_timestamp", *names}
    trained = trained.set_index("person_id").loc[persons, names].astype(float)
    online = read_online.set_index("person_id").loc[persons, names].astype(float)
    np.testing.assert_array_equal(trained.to_numpy(), online.to_numpy())
    assert online.notna().to_numpy().mean() > 0.5


def test_training_frame_takes_the_newest_snapshot_of_every_moment(served: "FeatureStore", persons: list[str]) -> None:
    """Between two snapshots the earlier one holds; a moment before the first has nothing."""
    table = read("features/purchases", "person_id, event_timestamp, orders_count_365d as expected")
    between = pd.Timestamp(NOW - timedelta(days=41))
    rows = pd.concat([spine(persons, between), spine(persons, pd.Timestamp(NOW - timedelta(days=3000)))])
    frame = served.get_historical_features(rows, ["purchases:orders_count_365d"]).to_df()
    values = frame[frame.event_timestamp == between].set_index("person_id")["orders_count_365d"]
    snapshot = table[table.event_timestamp == pd.Timestamp(NOW - timedelta(days=60))].set_index("person_id")["expected"]
    for person in persons:
        assert values[person] == snapshot[person]
    assert frame[frame.event_timestamp != between]["orders_count_365d"].isna().all()


def test_unknown_person_has_no_values(served: "FeatureStore") -> None:
    values = served.get_online_features(["purchases:orders_count_365d"], [{"person_id": "nobody"}]).to_dict()
    assert values["orders_count_365d"] == [None]


def test_registry_holds_every_view_and_service_with_what_governance_asks_for(served: "FeatureStore") -> None:
    views = {view.name: view for view in served.list_feature_views()}
    assert set(views) == {group.name for group in load_groups()}
    for group in load_groups():
        fields = {field.name: field for field in views[group.name].features}
        for feature in group.features:
            tags = fields[feature.name].tags
            assert tags["purposes"].split(",") == list(feature.purposes)
            assert (tags["owner"], tags["unit"], tags["pii_class"]) == (feature.owner, feature.unit, feature.pii_class)
            assert fields[feature.name].description == feature.description
    assert {service.name for service in served.list_feature_services()} == {service.name for service in load_services()}


def test_service_for_churn_serves_no_health_data(served: "FeatureStore", persons: list[str]) -> None:
    names = served.get_online_features(served.get_feature_service("churn_v1"), [{"person_id": persons[0]}]).to_dict()
    assert "orders_count_90d" in names
    assert not [name for name in names if name.startswith(("heart_rate", "steps", "spo2", "wearable"))]


def test_object_no_longer_declared_leaves_the_registry(served: "FeatureStore", monkeypatch: pytest.MonkeyPatch) -> None:
    from features import feast_definitions

    fewer = [service for service in load_services() if service.name != "marketing_response"]
    monkeypatch.setattr(feast_definitions, "load_services", lambda: fewer)
    monkeypatch.setattr(store, "_digest", lambda groups, configured: "changed")
    assert store.apply().changed
    assert "marketing_response" not in {service.name for service in store.open_store().list_feature_services()}
    monkeypatch.undo()
    assert store.apply().changed
    assert "marketing_response" in {service.name for service in store.open_store().list_feature_services()}


def test_feature_declared_today_is_served_from_its_first_snapshot_on_and_breaks_nothing_before(tmp_path: Path) -> None:
    declared = (MODELS_ROOT / "relationship.yml").read_text()
    line = "new_consents: {aggregates: [count], windows: [30], unit: consents, description: Consents}"
    place = "            consents:\n              measures:\n"
    (tmp_path / "relationship.yml").write_text(declared.replace(place, f"{place}                {line}\n"))
    (group,) = load_groups(tmp_path)
    (served,) = served_groups(tmp_path)
    assert "new_consents_count_30d" in {feature.name for feature in group.features}
    assert len(served.features) == len(group.features) - 1


def test_nothing_new_is_seen_without_loading_feast(served: "FeatureStore") -> None:
    code = (
        "import sys\nfrom features import store\n"
        "assert not store.apply().changed\nassert store.materialize() == []\n"
        "assert 'feast' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT_ROOT)


def test_feast_apply_finds_in_the_repo_what_the_lake_applies(served: "FeatureStore") -> None:
    from feast.repo_operations import parse_repo

    contents = parse_repo(PROJECT_ROOT / "feature_repo")
    assert {view.name for view in contents.feature_views} == {group.name for group in load_groups()}
    assert {service.name for service in contents.feature_services} == {service.name for service in load_services()}


def test_feature_repo_keeps_its_lake_while_that_exists(home: Path, tmp_path: Path) -> None:
    """A test's lake, or a second one, does not take the modellers' feature store away; a deleted one leaves it free."""
    first, second = tmp_path / "first", tmp_path / "second"
    repo = tmp_path / "feature_repo"
    repo.mkdir()

    def lake_of_the_repo() -> str:
        return str(Path(yaml.safe_load((repo / "feature_store.yaml").read_text())["online_store"]["path"]).parents[1])

    for lake, expected in ((first, first), (second, first)):
        with lake_at(lake), pytest.MonkeyPatch.context() as patch:
            patch.setattr(configuration, "FEATURE_REPO", repo)
            configuration.write_configuration()
        assert lake_of_the_repo() == str(expected)
    (first / "feast" / "feature_store.yaml").unlink()
    (first / "feast").rmdir()
    with lake_at(second), pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "FEATURE_REPO", repo)
        configuration.write_configuration()
    assert lake_of_the_repo() == str(second)
    with lake_at(first), pytest.MonkeyPatch.context() as patch:
        patch.setattr(configuration, "FEATURE_REPO", repo)
        patch.setattr(configuration, "DEFAULT_HOME", first)
        configuration.write_configuration()
    assert lake_of_the_repo() == str(first)

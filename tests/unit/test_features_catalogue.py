"""The catalogue of features: what is declared is whole, named by rule and used for nothing its source forbids."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.contract_file import discover_sources, load_contract
from features.aggregations import AGGREGATIONS
from features.catalogue import Feature, FeatureGroup, list_features, load_groups, load_services
from features.declarations import MODELS_ROOT
from features.errors import CatalogError
from infra.sandbox.systems import simulated_contracts

WINDOWS = (7, 30, 90, 365)


@pytest.fixture(scope="module")
def groups() -> list[FeatureGroup]:
    return load_groups()


@pytest.fixture(scope="module")
def features(groups: list[FeatureGroup]) -> list[Feature]:
    return [feature for group in groups for feature in group.features]


def test_every_simulated_source_has_one_group_and_no_source_has_two(groups: list[FeatureGroup]) -> None:
    sources = [group.source for group in groups]
    assert len(set(sources)) == len(sources)
    assert {contract.source for contract in simulated_contracts()} <= set(sources) <= set(discover_sources())


def test_there_are_at_least_150_features(features: list[Feature]) -> None:
    assert len(features) >= 150


def test_names_say_measure_aggregate_and_window(features: list[Feature]) -> None:
    rule = re.compile(rf"[a-z][a-z0-9_]*_({'|'.join(AGGREGATIONS)})_({'|'.join(map(str, WINDOWS))})d")
    assert [feature.name for feature in features if not rule.fullmatch(feature.name)] == []


def test_no_name_is_used_twice_in_any_group(features: list[Feature]) -> None:
    names = [feature.name for feature in features]
    assert len(set(names)) == len(names)


def test_every_feature_has_description_owner_purpose_and_unit() -> None:
    wanted = {"name", "group", "description", "owner", "purpose", "unit"}
    for feature in list_features()["features"]:
        assert set(feature) == wanted
        assert all(feature.values()), feature


def test_no_feature_may_be_used_for_more_than_its_source(groups: list[FeatureGroup]) -> None:
    for group in groups:
        contract = load_contract(group.source)
        for feature in group.features:
            assert set(feature.purposes) <= set(contract.entities[feature.entity].purposes)


def test_features_of_wearables_are_for_health_only(features: list[Feature]) -> None:
    sensitive = [feature for feature in features if re.match(r"heart_rate|steps|spo2|wearable", feature.measure)]
    assert sensitive
    assert {feature.purposes for feature in sensitive} == {("health",)}
    assert {f.pii_class for f in sensitive if f.aggregate != "count"} == {"pii_sensitive"}


def test_service_holds_only_what_its_purpose_allows(groups: list[FeatureGroup]) -> None:
    services = {service.name: service for service in load_services()}
    for name in ("churn_v1", "service_quality", "all_person_features"):
        assert name in services
    for service in services.values():
        chosen = [feature for group in groups for feature in service.features_of(group)]
        assert chosen
        assert all(service.purpose in (None, *feature.purposes) for feature in chosen)


def test_service_of_all_features_needs_no_edit_for_a_new_group(groups: list[FeatureGroup]) -> None:
    everything = next(service for service in load_services() if service.name == "all_person_features")
    assert sum(len(everything.features_of(group)) for group in groups) == sum(len(group.features) for group in groups)


def declaration(**changes: Any) -> dict[str, Any]:
    measure = {"aggregates": ["count"], "unit": "orders", "description": "Orders"} | changes
    features = {"source": "orders", "windows": [30], "entities": {"orders": {"measures": {"orders": measure}}}}
    return {"models": [{"name": "bought", "description": "One row.", "config": {"meta": {"features": features}}}]}


def write(folder: Path, document: dict[str, Any]) -> Path:
    (folder / "group.yml").write_text(yaml.safe_dump(document))
    return folder


def test_one_measure_is_one_line_and_gives_a_feature_per_aggregate_and_window(tmp_path: Path) -> None:
    changed = declaration(aggregates=["count", "sum"], value="order_total_cny", windows=[7, 90])
    (group,) = load_groups(write(tmp_path, changed))
    assert [f.name for f in group.features] == [
        "orders_count_7d", "orders_count_90d", "orders_sum_7d", "orders_sum_90d",
    ]  # fmt: skip
    assert group.features[0].description == "Orders: number in the last 7 days."
    assert group.features[0].purposes == ("analytics", "marketing", "service")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": None}, "the key `unit`"),
        ({"description": ""}, "the key `description`"),
        ({"aggregates": ["median"], "value": "order_total_cny"}, "not 'median'"),
        ({"aggregates": ["sum"]}, "a `value` for the aggregate 'sum'"),
        ({"purpose": "health"}, "not 'health'"),
        ({"untis": "orders"}, "not 'untis'"),
    ],
)
def test_declaration_that_cannot_be_used_is_rejected_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=re.escape(message)) as rejected:
        load_groups(write(tmp_path, declaration(**changes)))
    assert "group.yml: model 'bought', entity 'orders', measure 'orders'" in str(rejected.value)
    assert rejected.value.exit_code == 2


def test_entity_that_the_contract_lacks_is_rejected(tmp_path: Path) -> None:
    document = declaration()
    entities = document["models"][0]["config"]["meta"]["features"]["entities"]
    entities["baskets"] = entities.pop("orders")
    with pytest.raises(CatalogError, match="one of the entities of orders"):
        load_groups(write(tmp_path, document))


def test_name_declared_twice_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, declaration())
    second = declaration()
    second["models"][0]["name"] = "bought_again"
    (tmp_path / "other.yml").write_text(yaml.safe_dump(second))
    with pytest.raises(CatalogError, match="'orders_count_30d' is declared 2 times"):
        load_groups(tmp_path)


def test_models_name_only_staging_and_declare_everything_in_yml() -> None:
    """Adding a feature edits one yml: the SQL of a group is a macro and the models it reads."""
    for path in MODELS_ROOT.glob("*.sql"):
        rest = re.sub(r"ref\('stg_\w+'\)", "", path.read_text(encoding="utf-8"))
        assert re.sub(r"[\s,]", "", rest) == "{{feature_table([])}}"

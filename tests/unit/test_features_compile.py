"""The feature compiler: what a declaration becomes, for both engines, and what it rejects."""

import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp

from contracts.contract_file import load_contract
from contracts.settings import PROJECT_ROOT
from features.aggregations import AGGREGATIONS
from features.catalogue import load_groups
from features.compile import ENGINES, compile_group
from features.declarations import MODELS_ROOT, Declaration, load_declarations
from features.errors import CatalogError

GOLDEN = Path(__file__).resolve().parents[1] / "fixtures" / "features"
JINJA = re.compile(r"\{\{.*?\}\}")


@pytest.fixture(scope="module")
def declarations() -> list[Declaration]:
    return load_declarations()


def parsed(query: str, engine: str) -> exp.Expression:
    """The query as its engine reads it, with stand-ins for what dbt writes."""
    within_steps = JINJA.sub("SELECT * FROM written_by_dbt", query.replace("FROM {{", "FROM stand_in_{{"))
    return sqlglot.parse_one(within_steps.replace("stand_in_SELECT * FROM ", ""), read=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("group", sorted(path.stem for path in GOLDEN.glob("*.yml")))
def test_declaration_compiles_to_the_golden_query(group: str, engine: str) -> None:
    """`python -m features.compile GROUP ENGINE` prints a declared group's query; see what differs before it is kept."""
    (declaration,) = (one for one in load_declarations(GOLDEN) if one.name == group)
    assert compile_group(declaration, engine) == (GOLDEN / f"{group}.{engine}.sql").read_text(encoding="utf-8")


def test_golden_declarations_use_everything_that_can_be_declared() -> None:
    entities = [entity for declaration in load_declarations(GOLDEN) for entity in declaration.entities]
    features = [feature for entity in entities for feature in entity.features]
    assert {feature.aggregation.name for feature in features} == set(AGGREGATIONS)
    assert any(entity.parent and entity.parent.pick and entity.parent.columns for entity in entities)
    assert any(entity.parent and not entity.parent.pick for entity in entities)
    assert any(entity.where for entity in entities)
    assert any(entity.durations for entity in entities)
    assert any(not entity.measures for entity in entities)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_declared_group_has_the_columns_of_the_catalogue_in_their_order(
    declarations: list[Declaration], engine: str
) -> None:
    groups = {group.name: group for group in load_groups()}
    for declaration in declarations:
        query = parsed(compile_group(declaration, engine), engine)
        (final,) = (step.this for step in query.find_all(exp.CTE) if step.alias == "final")
        assert final.named_selects == [
            "person_id",
            "event_timestamp",
            "created_timestamp",
            *(feature.name for feature in groups[declaration.name].features),
        ]


def test_a_query_calls_dbt_only_for_what_dbt_alone_knows(declarations: list[Declaration]) -> None:
    for declaration in declarations:
        calls = {re.sub(r"\(.*", "", call) for call in JINJA.findall(compile_group(declaration))}
        assert calls == {"{{ feature_snapshots", "{{ staged_versions", "{{ source"}


def test_every_model_names_the_staging_models_of_its_declared_entities(declarations: list[Declaration]) -> None:
    """dbt's lineage is what the model names; the query reads what the declaration names."""
    assert {path.stem for path in MODELS_ROOT.glob("*.sql")} == {declaration.name for declaration in declarations}
    for declaration in declarations:
        text = (MODELS_ROOT / f"{declaration.name}.sql").read_text(encoding="utf-8")
        expected = [f"stg_{declaration.contract.source}__{entity.name}" for entity in declaration.entities]
        assert sorted(re.findall(r"ref\('(\w+)'\)", text)) == sorted(expected), declaration.name


def write(folder: Path, **changes: Any) -> Declaration:
    measure = {"aggregates": ["sum"], "value": "order_total_cny", "unit": "cny", "description": "Spent"} | changes
    features = {"source": "orders", "windows": [30], "entities": {"orders": {"measures": {"spent": measure}}}}
    model = {"name": "bought", "description": "One row.", "config": {"meta": {"features": features}}}
    (folder / "group.yml").write_text(yaml.safe_dump({"models": [model]}))
    (declaration,) = load_declarations(folder)
    return declaration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"where": "order_status = 'late"}, "is no SQL"),
        ({"where": "order_status = "}, "is no SQL"),
        ({"value": "order_total_cny order_id"}, "is no SQL"),
        ({"value": "sum(order_total_cny)"}, "is more than one row's columns say"),
        ({"where": "order_id in (select order_id from orders)"}, "is more than one row's columns say"),
        ({"where": "order_status = '{{ env_var(1) }}'"}, "is more than one row's columns say"),
    ],
)
def test_expression_that_cannot_be_used_is_rejected_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=re.escape(message)) as rejected:
        compile_group(write(tmp_path, **changes))
    (key,) = changes
    assert f"group.yml: model 'bought', entity 'orders', measure 'spent', `{key}`" in str(rejected.value)
    assert rejected.value.exit_code == 2


def test_words_that_begin_a_statement_are_columns_in_an_expression(tmp_path: Path) -> None:
    assert "(NOT comment IS NULL)" in compile_group(write(tmp_path, where="comment is not null"))


def test_guide_adds_a_feature_with_one_line_and_names_every_aggregate(tmp_path: Path) -> None:
    guide = (PROJECT_ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"```yaml\n(.*)\n```", guide)
    ((name, measure),) = yaml.safe_load(line).items()
    declaration = write(tmp_path, **{"value": None, **measure})
    assert name == "completed_orders"
    (status,) = re.findall(r"order_status = '(\w+)'", measure["where"])
    assert status in load_contract("orders").entities["orders"].column("order_status").allowed
    for window in (30, 90):
        assert f"`{name}_count_{window}d`" in guide
        assert f"event_at >= start_{window}d AND (order_status = 'completed')" in compile_group(declaration)
    (aggregates,) = re.findall(r"\| `aggregates` \| (.*) \|", guide)
    assert re.findall(r"`(\w+)`(?! is true)", aggregates) == list(AGGREGATIONS)


def test_engines_differ_in_dialect_only(tmp_path: Path) -> None:
    declaration = write(tmp_path, aggregates=["last"])
    duckdb, spark = (compile_group(declaration, engine) for engine in ENGINES)
    assert "ARG_MAX(" in duckdb
    assert "MAX_BY(" in spark
    assert "EPOCH_US(" in duckdb
    assert "UNIX_MICROS(" in spark
    assert len(duckdb.splitlines()) == len(spark.splitlines())

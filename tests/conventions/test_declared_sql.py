"""SQL that stands in yml is linted like any other: both engines read it, and alike, and it names columns that exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from features.compile import ENGINES
from features.declarations import Declaration, DeclaredEntity, load_declarations

#: Columns that every row has when a feature is computed, besides those of its staging model.
ADDED = {"age_days"}


@pytest.fixture(scope="module")
def declarations() -> list[Declaration]:
    return load_declarations()


@pytest.fixture(scope="module")
def staged(root: Path) -> dict[str, set[str]]:
    """The columns of every staging model, as its yml declares them."""
    models: list[dict[str, Any]] = [
        model
        for path in sorted((root / "dbt_project" / "models" / "staging").rglob("*.yml"))
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", [])
    ]
    return {model["name"]: {column["name"] for column in model.get("columns", [])} for model in models}


def expressions(declaration: Declaration) -> Iterator[tuple[DeclaredEntity, str, str]]:
    """Entity, place and text of all SQL that a group declares."""
    for entity in declaration.entities:
        place = f"{declaration.place}, entity {entity.name!r}"
        if entity.where:
            yield entity, place, entity.where
        for duration in entity.durations:
            yield from ((entity, f"{place}, duration {duration.name!r}", t) for t in (duration.since, duration.until))
        for measure in entity.measures:
            for text in (measure.value, measure.where):
                if text is not None:
                    yield entity, f"{place}, measure {measure.name!r}", text


def faults(text: str) -> list[str]:
    """What an engine cannot read, or reads as something else than the other one."""
    try:
        read = [sqlglot.parse_one(text, read=engine, into=exp.Condition) for engine in ENGINES]
        written = [one.sql(dialect=ENGINES[0], unsupported_level=ErrorLevel.RAISE) for one in read]
    except SqlglotError as error:
        return [f"{text}: {str(error).partition(chr(10))[0]}"]
    return [] if len(set(written)) == 1 else [f"{text}: {' or '.join(written)}, by engine"]


def unknown_columns(text: str, columns: set[str]) -> set[str]:
    parsed = sqlglot.parse_one(text, read=ENGINES[0], into=exp.Condition)
    return {column.name for column in parsed.find_all(exp.Column)} - columns


def columns_of(entity: DeclaredEntity, source: str, staged: dict[str, set[str]]) -> set[str]:
    parents = {f"parent_{column}" for column in entity.parent.columns} if entity.parent else set()
    durations = {duration.name for duration in entity.durations}
    return (
        {c.name for c in entity.contract.columns} | staged[f"stg_{source}__{entity.name}"] | parents | durations | ADDED
    )


def test_declared_sql_is_read_alike_by_both_engines(declarations: list[Declaration]) -> None:
    offences = [
        f"{place}: {fault}" for group in declarations for _, place, text in expressions(group) for fault in faults(text)
    ]
    assert not offences, "\n".join(offences)


def test_declared_sql_names_columns_that_exist(declarations: list[Declaration], staged: dict[str, set[str]]) -> None:
    offences = [
        f"{place}: {text}: no column {', '.join(sorted(unknown))}"
        for group in declarations
        for entity, place, text in expressions(group)
        if (unknown := unknown_columns(text, columns_of(entity, group.contract.source, staged)))
    ]
    assert not offences, "\n".join(offences)


@pytest.mark.parametrize(
    "text", ["order_status = ", "order_status = 'late", "a b", "extract(dow from event_at) = 1 and"]
)
def test_planted_text_that_is_no_sql_is_found(text: str) -> None:
    assert faults(text)


def test_planted_difference_between_the_engines_is_found() -> None:
    assert faults("amounts[1] > 0"), "DuckDB counts from 1, Spark from 0"
    assert unknown_columns("order_state = 'late'", {"order_status"}) == {"order_state"}

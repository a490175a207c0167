"""Suite files and the suites derived from contracts: a strict language, the path is the table, no lists."""

from pathlib import Path

import duckdb
import pytest

from contracts.catalogue.lookup import find_table
from contracts.catalogue.zones import ZONES
from contracts.contract_file import Contract, Entity, load_contracts
from contracts.settings import PROJECT_ROOT
from expectations import contract_suite, suite_files
from expectations.check import Check
from expectations.personal_text import rows_with_personal_text
from expectations.suite_files import SuiteFileError
from lake.sql.types import duckdb_type

ENTITIES = [(c, e) for c in load_contracts() for e in c.entities.values()]
COLUMNS = {"person_id": "VARCHAR", "tags": "VARCHAR[]", "orders_count_7d": "BIGINT", "orders_count_30d": "BIGINT",
           "orders_count_365d": "BIGINT", "orders_avg_7d": "DOUBLE", "city": "VARCHAR"}  # fmt: skip


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def names(checks: list[Check]) -> set[tuple[str | None, str]]:
    return {(check.column, check.name) for check in checks}


@pytest.mark.parametrize(
    "line",
    [
        "{not_nul: [a]}",
        "{not_null: [a], unique: [a]}",
        "{severity: block}",
        "{not_null: [a], severity: fatal}",
        "{where: a > 1}",
        "{name: x, where: a > 1}",
        "{allowed: {column: a}}",
        "{equal: {left: select 1}, name: x, expected: y}",
        "[1, 2]",
    ],
)
def test_line_that_is_not_in_the_language_is_rejected_with_its_place(tmp_path: Path, line: str) -> None:
    write(tmp_path, "marts/things.yaml", f"checks:\n  - {line}\n")
    with pytest.raises(SuiteFileError, match=r"marts/things\.yaml") as rejected:
        suite_files.suite("marts/things", COLUMNS, tmp_path)
    assert rejected.value.exit_code == 2
    assert rejected.value.cure


def test_path_says_the_table_and_each_holds_for_all_below(tmp_path: Path) -> None:
    write(tmp_path, "_each.yaml", "checks: [{rows: 1}]\n")
    write(tmp_path, "marts/_each.yaml", "checks: [{not_null: [person_id]}]\n")
    write(tmp_path, "marts/one.yaml", "checks: [{unique: [person_id]}]\n")
    write(tmp_path, "bronze/crm/customers.yaml", "checks: []\n")
    assert suite_files.discover_suites(tmp_path) == ["bronze/crm/customers", "marts/one"]
    found = suite_files.suite("marts/one", COLUMNS, tmp_path)
    assert names(found) == {(None, "has_rows"), ("person_id", "is_never_empty"), ("person_id", "is_unique")}
    assert names(suite_files.suite("features/a", COLUMNS, tmp_path)) == {(None, "has_rows")}


def test_columns_are_found_not_listed(tmp_path: Path) -> None:
    write(
        tmp_path,
        "features/_each.yaml",
        "checks: [{windows_grow: [count]}, {no_personal_text: all},\n"
        "         {no_known_values: {of: identity/person_contact, columns: [full_name]}}]\n",
    )
    assert names(suite_files.suite("features/a", COLUMNS, tmp_path)) == {
        ("orders_count_7d", "grows_with_its_window"),
        ("orders_count_30d", "grows_with_its_window"),
        ("person_id", "holds_no_personal_text"),
        ("tags", "holds_no_personal_text"),
        ("city", "holds_no_personal_text"),
        ("tags", "holds_no_value_of_a_person"),
        ("city", "holds_no_value_of_a_person"),
    }


def test_all_our_suite_files_are_in_the_language_and_in_a_zone() -> None:
    files = sorted(suite_files.SUITES_ROOT.rglob("*.y*ml"))
    assert len(files) > 5
    for path in files:
        assert path.suffix == ".yaml", f"{path} would not be found"
        assert suite_files.load_suite_file(path).checks
        assert path.relative_to(suite_files.SUITES_ROOT).parts[0] in ZONES
    assert all(find_table(table).owner for table in suite_files.discover_suites())


def test_every_published_model_has_a_suite() -> None:
    models = [
        path
        for zone in ("marts", "features", "identity")
        for path in (PROJECT_ROOT / "dbt_project" / "models" / zone).rglob("*.sql")
        if not path.stem.startswith(("int_", "stg_"))
    ]
    bare = [p.stem for p in models if not suite_files.files_for(f"{p.parent.name}/{p.stem}")]
    assert models
    assert not bare, f"give them a file in expectations/suites: {bare}"


def test_every_suite_is_of_a_table_that_somebody_makes() -> None:
    made = {f"{p.parent.name}/{p.stem}" for p in (PROJECT_ROOT / "dbt_project" / "models").rglob("*.sql")}
    made |= {entity.table for _, entity in ENTITIES} | {"identity/person_links", "identity/person_events"}
    assert not set(suite_files.discover_suites()) - made


@pytest.mark.parametrize(("contract", "entity"), ENTITIES, ids=[e.table for _, e in ENTITIES])
def test_bronze_suite_holds_everything_that_the_contract_says(contract: Contract, entity: Entity) -> None:
    types = {field.name: duckdb_type(field.type) for field in entity.bronze_schema()}
    found = names(contract_suite.suite(contract, entity, types, has_quarantine=False))
    for column in entity.columns:
        assert ((column.name, "is_never_empty") in found) == column.required
        assert ((column.name, "is_a_known_value") in found) == bool(column.allowed)
        assert ((column.name, "has_its_form") in found) == bool(column.pattern)
        bounded = column.minimum is not None or column.maximum is not None
        assert ((column.name, "is_in_range") in found) == bounded
    assert {"columns_match_contract", "source_is_fresh", "volume_is_usual", "has_rows", "is_landed_once"} <= {
        name for _, name in found
    }


def test_column_that_is_missing_or_of_another_type_is_counted_and_not_asked_for() -> None:
    contract, entity = ENTITIES[0]
    types = {field.name: duckdb_type(field.type) for field in entity.bronze_schema()}
    gone, turned = entity.columns[0].name, entity.columns[1].name
    changed = {name: kind for name, kind in types.items() if name != gone} | {turned: "BLOB"}
    found = contract_suite.suite(contract, entity, changed, has_quarantine=False)
    match = next(check for check in found if check.name == "columns_match_contract")
    assert match.measure == "2"
    assert gone in match.expected
    assert gone not in {check.column for check in found}


def test_names_of_checks_are_unique_within_table_and_column() -> None:
    for contract, entity in ENTITIES:
        types = {field.name: duckdb_type(field.type) for field in entity.bronze_schema()}
        found = contract_suite.suite(contract, entity, types, has_quarantine=True)
        assert len(names(found)) == len(found), entity.table


PERSONAL = [
    "zhang.wei@example.com", "write to a.b+c@mail.example.cn please", "13800138000", "138 0013 8000", "138-0013-8000",
    "+86 13800138000", "8613800138000", "tel:13912345678", "+44 20 7946 0958", "+1 (212) 555-0100",
    "11010519491231002X", "id 110105194912310021.", "['a', 'b@c.cn']",
]  # fmt: skip
NOT_PERSONAL = [
    "crm:person:3f0a13800138000bb1c2d3e4f5a6b7c8", "9f86d081884c7d659a2feaa0c55ad015", "orders:orders:O0001234567",
    "2026-06-30T12:00:00+00:00", "20260630", "gold", "30-39", "email:marketing", "batch-13800", "1380013800", "v1.2.3",
    "138001380001234567", "北京市", "a @ b", "p_01hzy3v9k2m4n6p8q0r2s4t6v8",
    "0d9c1b52-7a53-4e7e-8b1d-13800138aaaa",
]  # fmt: skip


@pytest.mark.parametrize(("text", "is_personal"), [(t, True) for t in PERSONAL] + [(t, False) for t in NOT_PERSONAL])
def test_personal_text_is_distinguished_from_tokens_ids_and_times(text: str, is_personal: bool) -> None:
    found = duckdb.execute(f"select {rows_with_personal_text('t')} from (select ? as t)", [text]).fetchone()
    assert found == (int(is_personal),)

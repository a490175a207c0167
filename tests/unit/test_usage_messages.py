"""Commands that are modules answer wrong usage with a message and exit code 2, never with a traceback."""

import sys
from pathlib import Path

import pytest

from dbt_project import scaffold
from expectations import runner
from expectations.suite_files import SuiteFileError
from features import compile as feature_compiler
from web.language import MissingTextError, texts


@pytest.fixture(autouse=True)
def empty_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_HOME", str(tmp_path))


@pytest.mark.parametrize("name", ["silver", "--help", "bronze/parking/tickets", "marts/no_such_table"])
def test_checks_of_no_layer_or_table_are_wrong_usage(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main([name]) == 2
    assert "cure: " in capsys.readouterr().err


@pytest.mark.parametrize("tables", [None, ["bronze/crm/customers"]])
def test_suite_of_bronze_that_no_contract_has_an_entity_for_is_an_error(
    tables: list[str] | None, tmp_path: Path
) -> None:
    suites = tmp_path / "suites"
    (suites / "bronze" / "crm").mkdir(parents=True)
    (suites / "bronze" / "crm" / "customers.yaml").write_text("checks: [{rows: 1}]\n")
    assert runner.run("bronze", keep=False, suites=suites) == [], "an entity that never came is no error"
    (suites / "bronze" / "crm" / "custmers.yaml").write_text("checks: [{rows: 1}]\n")
    with pytest.raises(SuiteFileError, match=r"bronze/crm/custmers\.yaml: no contract") as rejected:
        runner.run("bronze", tables, keep=False, suites=suites)
    assert "rename it" in rejected.value.cure


@pytest.mark.parametrize(("arguments", "message"), [([], "usage: "), (["no_such_source"], "unknown source")])
def test_scaffold_of_no_source_is_wrong_usage(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scaffold", *arguments])
    assert scaffold.main() == 2
    assert message in capsys.readouterr().err


def test_scaffold_says_that_nothing_was_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scaffold", "crm"])
    assert scaffold.main() == 0
    assert "crm: every file of its staging folder is there already" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["no_such_group"], ["purchases", "oracle"], ["purchases", "spark", "more"]])
def test_compiler_without_a_group_or_an_engine_prints_its_usage(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compile", *arguments])
    assert feature_compiler.main() == 2
    assert "usage: python -m features.compile GROUP [duckdb|spark]" in capsys.readouterr().err


def test_text_that_no_file_has_is_named_with_its_file() -> None:
    for ask in (texts("zh"), texts("en").plain):
        with pytest.raises(MissingTextError, match=r"web/texts/portal\.yaml has no `no_such_text`"):
            ask("portal.no_such_text")

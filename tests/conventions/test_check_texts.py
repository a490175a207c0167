"""Every check has its name, what it expects and its cure in Chinese, for the quality portal."""

from collections.abc import Iterator

from contracts.contract_file import load_contracts
from expectations import contract_suite, suite_files
from expectations.check import Check
from web.language import texts

CHINESE = texts("zh")


def checks() -> Iterator[Check]:
    """Every check of every suite; of the rules that go by columns, over a table with some."""
    columns = {"person_id": "VARCHAR", "orders_count_7d": "BIGINT", "orders_count_30d": "BIGINT", "note": "VARCHAR"}
    tables = [*suite_files.discover_suites(), "features/purchases", "marts/another"]
    for table in tables:
        yield from suite_files.suite(table, columns)
    for contract in load_contracts():
        for entity in contract.entities.values():
            types = {field.name: "VARCHAR" for field in entity.bronze_schema()}
            yield from contract_suite.suite(contract, entity, types, has_quarantine=True)


def untranslated(check: Check) -> list[str]:
    """What a check says and `web/texts` has no Chinese of, each with the file that lacks it."""
    sentences = [check.expected, check.cure, *(f"{amount} {check.unit}" for amount in ("1", "2,345.6"))]
    missing = [f"phrases.yaml: {text}" for text in sentences if CHINESE.phrase(text) == text]
    return missing if CHINESE.has(f"names.{check.name}") else [*missing, f"names.yaml: {check.name}"]


def test_every_check_is_described_in_chinese() -> None:
    missing = {text for check in checks() for text in untranslated(check)}
    assert not missing, "add the Chinese to web/texts:\n" + "\n".join(sorted(missing))


def test_planted_check_without_chinese_is_found() -> None:
    planted = Check(name="planted", expected="nothing of the kind", cure="plant nothing", unit="weeds")
    assert untranslated(planted) == [
        "phrases.yaml: nothing of the kind",
        "phrases.yaml: plant nothing",
        "phrases.yaml: 1 weeds",
        "phrases.yaml: 2,345.6 weeds",
        "names.yaml: planted",
    ]

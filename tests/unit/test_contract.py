"""A contract is read strictly: what is misspelt, missing or impossible is rejected, with the place and the cure."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from contracts.contract_file import ContractError, UnknownSourceError, discover_sources, load_contract, parse_contract
from tests.landing_lake import document

Change = Callable[[dict[str, Any]], object]


def entity(doc: dict[str, Any]) -> dict[str, Any]:
    return dict.__getitem__(doc, "schema")[0]  # type: ignore[no-any-return]


def column(doc: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in entity(doc)["properties"] if c["name"] == name)


WRONG: dict[str, tuple[Change, str]] = {
    "a type there is not": (lambda d: column(d, "pieces").update(logicalType="whole number"), "one of string, integer"),
    "a misspelt rule": (lambda d: column(d, "pieces").update(requierd=True), "unknown key 'requierd'"),
    "a misspelt key of the document": (lambda d: d.update(slaProprties=[]), "slaProprties"),
    "a misspelt custom property": (lambda d: entity(d)["customProperties"][0].update(property="watermrk"), "watermrk"),
    "no primary key": (lambda d: column(d, "sale_id").pop("primaryKey"), "primaryKey"),
    "no event_at": (lambda d: column(d, "event_at").update(name="happened_at"), "event_at"),
    "a column twice": (lambda d: column(d, "buyer").update(name="channel"), "each column once"),
    "a column that landing adds": (lambda d: column(d, "buyer").update(name="record_id"), "record_id"),
    "knownAt names no column": (lambda d: entity(d)["customProperties"][0].update(value="sent_at"), "sent_at"),
    "a class there is not": (lambda d: column(d, "buyer").update(classification="secret"), "pii_direct"),
    "an option landing does not know": (lambda d: column(d, "buyer").update(logicalTypeOptions={"size": 3}), "size"),
    "a severity there is not": (lambda d: column(d, "channel")["quality"][0].update(severity="shout"), "block, warn"),
    "no freshness": (lambda d: d.update(slaProperties=[]), "freshness"),
    "no purposes": (lambda d: d.update(customProperties=[]), "purposes"),
    "no owner": (lambda d: d.update(team={"name": "shops"}), "data owner"),
    "no server": (lambda d: d.update(servers=[]), "servers"),
    "no entity": (lambda d: d.update(schema=[]), "at least one entity"),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_wrong_contract_is_rejected_with_place_and_cure(change: tuple[Change, str]) -> None:
    doc = document()
    change[0](doc)
    with pytest.raises(ContractError) as rejected:
        parse_contract(yaml.safe_dump(doc), "shop/contract.odcs.yaml")
    assert rejected.value.args[0].startswith("shop/contract.odcs.yaml")
    assert change[1] in rejected.value.args[0]
    assert rejected.value.cure
    assert rejected.value.exit_code == 2


def test_text_that_is_not_yaml_is_rejected_with_cure() -> None:
    with pytest.raises(ContractError, match="not an ODCS v3 contract"):
        parse_contract("name: [unclosed", "shop")


def test_unknown_source_names_the_known_ones() -> None:
    with pytest.raises(UnknownSourceError) as rejected:
        load_contract("till")
    assert all(source in rejected.value.cure for source in discover_sources())
    assert rejected.value.exit_code == 2


def test_bronze_has_the_contracts_types_and_what_landing_adds() -> None:
    sales = parse_contract(yaml.safe_dump(document()), "shop").entities["sales"]
    assert sales.bronze_schema().field("pieces").type == pa.int64()
    assert sales.bronze_schema().field("event_at").type == pa.timestamp("us", tz="UTC")
    assert sales.bronze_schema().names[-6:] == [
        "record_id", "known_at", "landed_at", "batch_id", "source_file", "content_hash",
    ]  # fmt: skip
    assert sales.primary_key == ("sale_id",)


def test_corrected_contract_holds_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "shop" / "contract.odcs.yaml"
    file.parent.mkdir()
    doc = document()
    file.write_text(yaml.safe_dump(doc))
    assert load_contract("shop", tmp_path).version == "1.0.0"
    doc["version"] = "1.1.0"
    file.write_text(yaml.safe_dump(doc))
    assert load_contract("shop", tmp_path).version == "1.1.0"

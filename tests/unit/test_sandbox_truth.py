"""Compared with the truth, a loss, a duplicate, a false merge and a split are found; and nothing where all is well."""

from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.sandbox.truth.reconcile import differences, produced, quarantined_by_reason
from infra.sandbox.truth.score import from_record_ids, score
from tests.unit import sandbox_worlds


@dataclass(frozen=True)
class Counted:
    source: str
    entity: str
    received: int
    landed: int
    quarantined: int
    doubled: int


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sandbox_worlds.make(tmp_path_factory.mktemp("truth"), persons=80, days=40)


@pytest.fixture
def faultless(root: Path) -> list[Counted]:
    return [Counted(**row) for row in produced(root).to_pylist()]


@pytest.fixture
def records(root: Path) -> pa.Table:
    """Every record of somebody, given to the right person."""
    table = pq.read_table(root / "truth" / "records.parquet").to_pandas()
    table = table[table.person.notna() & (table.row_kind != "bad")].drop_duplicates(["source", "entity", "natural_key"])
    table["person_id"] = table.person
    return pa.Table.from_pandas(table[["source", "entity", "natural_key", "person_id"]], preserve_index=False)


def test_faultless_counters_reconcile(root: Path, faultless: list[Counted]) -> None:
    assert differences(root, faultless).num_rows == 0
    assert sum(quarantined_by_reason(root).values()) == sum(counted.quarantined for counted in faultless)


def test_a_lost_row_a_duplicate_and_a_missing_entity_are_found(root: Path, faultless: list[Counted]) -> None:
    lost, doubled = faultless[0], faultless[1]
    wrong = [replace(lost, landed=lost.landed - 1), replace(doubled, doubled=doubled.doubled + 1), *faultless[3:]]
    found = {(row["source"], row["entity"], row["measure"]) for row in differences(root, wrong).to_pylist()}
    assert (lost.source, lost.entity, "landed") in found
    assert (doubled.source, doubled.entity, "doubled") in found
    assert (faultless[2].source, faultless[2].entity, "received") in found


def test_the_right_people_score_one(root: Path, records: pa.Table) -> None:
    found = score(root, records)
    assert (found.precision, found.recall, found.over_merged, found.split, found.unresolved) == (1.0, 1.0, 0, 0, 0)
    assert found.persons == found.true_persons
    assert found.records == records.num_rows


def test_one_person_for_all_costs_precision_and_one_for_each_record_recall(root: Path, records: pa.Table) -> None:
    size = records.num_rows
    place = records.schema.get_field_index("person_id")
    merged = score(root, records.set_column(place, "person_id", pa.repeat("all", size)))
    assert merged.recall == 1.0
    assert merged.precision < 0.2
    assert merged.over_merged == 1
    alone = score(root, records.set_column(place, "person_id", pa.array([str(number) for number in range(size)])))
    assert alone.recall == 0.0
    assert alone.split > 0


def test_unresolved_records_are_counted_and_sources_can_be_chosen(root: Path, records: pa.Table) -> None:
    nobody = records.set_column(3, "person_id", pa.nulls(records.num_rows, pa.string()))
    assert score(root, nobody).unresolved == records.num_rows
    assert 0 < score(root, records, sources=["crm"]).records < records.num_rows


def test_record_ids_are_taken_apart_at_the_first_two_colons() -> None:
    table = pa.table({"record_id": ["crm:customers:C100", "orders:orders:a:b"], "person_id": ["p", None]})
    assert from_record_ids(table).to_pylist() == [
        {"source": "crm", "entity": "customers", "natural_key": "C100", "person_id": "p"},
        {"source": "orders", "entity": "orders", "natural_key": "a:b", "person_id": None},
    ]

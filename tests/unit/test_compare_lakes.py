"""Two lakes are compared row by row: equal content under other person ids is equal, one changed value is seen."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from infra.compare_lakes import compare

AMOUNTS = {"C1": 10.0, "C2": 20.0}


def lake(home: Path, *, prefix: str, amounts: dict[str, float], record: str = "record_id") -> Path:
    """A lake of two tables; person ids begin with `prefix`."""
    records = sorted(amounts)
    persons = [f"{prefix}{name}" for name in records]
    links = pa.table({record: records, "person_id": persons})
    write_deltalake(str(home / "delta" / "identity" / "person_links"), links)
    spent = pa.table({"person_id": persons, "amount_cny": list(amounts.values()), "tags": [["a", "b"], ["c"]]})
    write_deltalake(str(home / "delta" / "marts" / "spending"), spent)
    return home


def test_lakes_that_differ_in_person_ids_alone_are_equal(tmp_path: Path) -> None:
    before = lake(tmp_path / "a", prefix="p_", amounts=AMOUNTS)
    after = lake(tmp_path / "b", prefix="q_", amounts=AMOUNTS)
    assert compare(before, after, {}) == []


def test_one_changed_value_is_seen_with_its_column(tmp_path: Path) -> None:
    before = lake(tmp_path / "a", prefix="p_", amounts=AMOUNTS)
    after = lake(tmp_path / "b", prefix="q_", amounts=AMOUNTS | {"C2": 20.01})
    (difference,) = compare(before, after, {})
    assert difference.startswith("marts/spending: of 2 rows 1 are gone")
    assert "amount_cny" in difference


def test_missing_table_is_seen(tmp_path: Path) -> None:
    before = lake(tmp_path / "a", prefix="p_", amounts=AMOUNTS)
    after = lake(tmp_path / "b", prefix="q_", amounts=AMOUNTS)
    write_deltalake(str(after / "delta" / "marts" / "more"), pa.table({"a": [1]}))
    assert compare(before, after, {}) == [f"marts/more: only in {after}"]


@pytest.mark.parametrize("is_declared", [True, False])
def test_renamed_column_is_equal_only_where_it_is_declared(tmp_path: Path, is_declared: bool) -> None:
    before = lake(tmp_path / "a", prefix="p_", amounts=AMOUNTS)
    after = lake(tmp_path / "b", prefix="q_", amounts=AMOUNTS, record="person_record_id")
    renamed = {"identity/person_links": {"record_id": "person_record_id"}} if is_declared else {}
    assert bool(compare(before, after, renamed)) is not is_declared

"""Real data mapped into the contracts: what a world writes, before anything lands it."""

import gzip
import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.contract_file import load_contract
from contracts.logical_types import TIMESTAMP
from identity.matching.person_records import read_records
from infra.worlds import WorldError, create_world, discover_worlds, febrl
from infra.worlds.source_root import write_clock, write_database, write_drops


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cdnow")
    create_world("cdnow", root)
    return root


def query(root: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(root / "orders" / "orders.db")) as database:
        return database.execute(sql).fetchall()


def test_worlds_are_found_by_their_name_not_listed() -> None:
    worlds = discover_worlds()
    assert {"complete-journey", "cdnow"} <= set(worlds)
    assert all(world.name == name and world.summary for name, world in worlds.items())


def test_unknown_world_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="complete-journey") as caught:
        create_world("atlantis", tmp_path)
    assert caught.value.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_every_purchase_of_cdnow_becomes_an_order_with_a_line(cdnow: Path) -> None:
    assert query(cdnow, "select count(*), count(distinct order_id), count(distinct account_id) from orders") == [
        (69_659, 69_659, 23_570)
    ]
    assert query(cdnow, "select count(*) from order_lines join orders using (order_id)") == [(69_659,)]
    (total,) = query(cdnow, "select round(sum(order_total_cny), 2) from orders")[0]
    assert total == 2_500_315.63
    assert query(cdnow, "select distinct currency from orders") == [("USD",)]


def test_clock_stands_on_the_day_after_the_last_purchase(cdnow: Path) -> None:
    (last,) = query(cdnow, "select max(event_at) from orders")[0]
    assert str(last) < json.loads((cdnow / "clock.json").read_text())["now"] == "1998-07-01T00:00:00+00:00"


def test_truth_names_a_person_for_every_row_and_counts_every_day(cdnow: Path) -> None:
    records = pq.read_table(cdnow / "truth" / "records.parquet")
    produced = pq.read_table(cdnow / "truth" / "produced.parquet")
    assert records.num_rows == sum(produced["rows"].to_pylist()) == 2 * 69_659
    assert records["person"].null_count == 0
    assert pq.read_table(cdnow / "truth" / "persons.parquet").num_rows == 23_570


def test_sources_without_data_are_absent_and_entities_without_data_are_empty(cdnow: Path) -> None:
    assert {path.name for path in cdnow.iterdir()} == {"orders", "truth", "clock.json"}
    empty = set(load_contract("orders").entities) - {"orders", "order_lines"}
    assert empty
    for entity in empty:
        assert query(cdnow, f"select count(*) from {entity}") == [(0,)]


def test_database_holds_the_contracts_columns_and_those_beyond_it(tmp_path: Path) -> None:
    at = pa.array([datetime(2024, 2, 29, 23, 59, 59, 1, tzinfo=UTC)], TIMESTAMP)
    write_database(
        tmp_path, "orders", {"orders": pa.table({"order_id": ["1"], "event_at": at, "loyalty_colour": ["red"]})}
    )
    (row,) = query(tmp_path, "select order_id, event_at, loyalty_colour, email from orders")
    assert row == ("1", "2024-02-29T23:59:59.000001Z", "red", None)


def test_database_that_fails_half_way_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"nested|list"):
        write_database(tmp_path, "orders", {"orders": pa.table({"order_id": [["not", "a", "value"]]})})
    assert not (tmp_path / "orders" / "orders.db").exists()


def test_drops_are_cut_by_the_day_of_delivery_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    delivered = [datetime(2024, 1, day, 23, 30, tzinfo=UTC) for day in (1, 2, 2)]
    table = pa.table(
        {
            "send_id": ["a", "b", "c"],
            "email": [None, "b@x.invalid", None],
            "is_reminder": [True, False, False],
            "delivered_at": pa.array(delivered, TIMESTAMP),
        }
    )
    write_drops(tmp_path, source="campaigns", entity_name="sends", table=table)
    files = sorted((tmp_path / "campaigns" / "sends").iterdir())
    assert [file.name for file in files] == ["2024-01-01.jsonl.gz", "2024-01-02.jsonl.gz"]
    rows = [orjson.loads(line) for line in gzip.decompress(files[1].read_bytes()).splitlines()]
    assert [row["send_id"] for row in rows] == ["b", "c"]
    assert rows[0]["is_reminder"] is False
    assert "email" not in rows[1]
    before = files[0].read_bytes()
    write_drops(tmp_path, source="campaigns", entity_name="sends", table=table)
    assert files[0].read_bytes() == before


def test_clock_is_read_back_as_it_was_set(tmp_path: Path) -> None:
    now = datetime(2018, 1, 2, tzinfo=UTC)
    write_clock(tmp_path, now)
    assert datetime.fromisoformat(json.loads((tmp_path / "clock.json").read_text())["now"]) == now


@pytest.mark.parametrize(
    ("number", "records", "people"), [(1, 1000, 500), (2, 5000, 4000), (3, 5000, 2000), (4, 10_000, 5000)]
)
def test_febrl_has_its_published_size_in_the_columns_of_person_records(number: int, records: int, people: int) -> None:
    given, truth = febrl.read(number)
    assert (given.num_rows, len(set(truth["truth"].to_pylist()))) == (records, people)
    assert given["record_id"].to_pylist() == truth["record_id"].to_pylist()
    assert read_records(given).num_rows == records


def test_febrl_birth_dates_are_iso_where_they_are_dates_else_as_typed() -> None:
    given, _ = febrl.read(1)
    typed = [
        value for value in given["birth_date"].to_pylist() if value and not re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    ]
    assert 0 < len(typed) < 20
    assert all(re.fullmatch(r"\d{8}", value) for value in typed)


def test_unknown_febrl_names_those_there_are() -> None:
    with pytest.raises(WorldError, match="no FEBRL 5"):
        febrl.read(5)

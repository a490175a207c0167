"""When a source changes shape: what is new is kept, what is gone blocks its files, and the message names the column."""

import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.landing.drift import EVIDENCE_ROWS
from ingestion.landing.land import has_new, land_source
from ingestion.quarantine.records import replay
from lake.sql.text import quoted
from tests.contract_rows import as_csv
from tests.landing_lake import Shop, sale


def test_new_json_key_is_kept_as_a_column_and_stays(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    shop.deliver("b.jsonl", [sale(2, shelf={"row": 3}), sale(3)])
    shop.land()
    shop.deliver("c.jsonl", [sale(4, shelf="top")])
    shop.land()
    assert shop.rows("sale_id, shelf") == [("S1", None), ("S2", '{"row":3}'), ("S3", None), ("S4", "top")]
    assert shop.counts().landed == 4


def test_new_column_is_content_so_that_a_changed_one_is_a_new_version(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, shelf="top"), sale(1, shelf="top"), sale(1, shelf="low"), sale(1)])
    shop.land()
    assert len(shop.rows("shelf")) == 3
    assert shop.counts().doubled == 1


def test_new_csv_and_parquet_columns_are_kept(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1)], sale(1)))
    shop.deliver("b.csv", as_csv([sale(2, shelf="top")], sale(2, shelf="")))
    shop.land()
    assert shop.rows("sale_id, shelf") == [("S1", None), ("S2", "top")]
    shop.declare(file_format="parquet")
    row = sale(3, shelf=7) | {t: datetime.fromisoformat(sale(3)[t]) for t in ("event_at", "delivered_at")}
    pq.write_table(pa.Table.from_pylist([row]), shop.folder / "c.parquet")
    shop.land()
    assert ("S3", "7") in shop.rows("sale_id, shelf")


@pytest.mark.parametrize("names", [["Buyer"], ["_verdict"], ["landed_at"], [" "], [f"c{n}" for n in range(500)]])
def test_new_column_that_cannot_stand_next_to_the_others_blocks(shop: Shop, names: list[str]) -> None:
    shop.deliver("a.jsonl", [sale(1) | dict.fromkeys(names, "x")])
    result = shop.land()
    assert result.state == "blocked"
    assert names[0] in (result.error or "")
    assert "onDrift" in (result.cure or "")
    assert shop.rows() == []


def test_hostile_column_name_is_only_a_name(shop: Shop) -> None:
    name = "x\"; drop table sales; -- '{{ 1/0 }}"
    shop.deliver("a.jsonl", [sale(1) | {name: "v"}])
    assert shop.land().error is None
    assert shop.rows(quoted(name)) == [("v",)]


def test_contract_that_ignores_new_columns_leaves_them_out(shop: Shop) -> None:
    shop.declare(on_drift="ignore")
    shop.deliver("a.jsonl", [sale(1, shelf="top")])
    assert shop.land().error is None
    assert shop.counts().landed == 1
    with pytest.raises(Exception, match="shelf"):
        shop.rows("shelf")


def test_contract_that_blocks_new_columns_lands_nothing_and_keeps_the_file(shop: Shop) -> None:
    shop.declare(on_drift="block")
    path = shop.deliver("a.jsonl", [sale(1, shelf="top")])
    result = shop.land()
    assert result.state == "blocked"
    assert "shelf" in (result.error or "")
    assert path.exists()
    assert shop.rows() == []
    shop.declare(on_drift="add")
    assert shop.land().counts.landed == 1


def test_csv_without_a_required_column_is_blocked_and_the_others_land(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1)], sale(1)))
    shop.deliver("b.csv", as_csv([sale(2)], [name for name in sale(2) if name != "channel"]))
    result = shop.land()
    assert result.state == "blocked"
    assert "channel" in (result.error or "")
    assert "b.csv" in (result.error or "")
    assert shop.rows("sale_id") == [("S1",)]
    assert has_new("shop")


def test_json_file_whose_every_record_lacks_a_required_column_is_blocked_not_quarantined(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(n) for n in range(EVIDENCE_ROWS)])
    renamed = [{("kanal" if k == "channel" else k): v for k, v in sale(100 + n).items()} for n in range(EVIDENCE_ROWS)]
    shop.deliver("b.jsonl", renamed)
    result = shop.land()
    assert result.state == "blocked"
    assert "channel" in (result.error or "")
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (EVIDENCE_ROWS, 0)
    shop.columns["channel"]["required"] = False
    shop.declare()
    shop.land()
    assert shop.counts().landed == 2 * EVIDENCE_ROWS


def test_few_records_without_a_required_value_are_bad_records_not_a_changed_shape(shop: Shop) -> None:
    row = sale(1)
    del row["channel"]
    shop.deliver("a.jsonl", [row])
    assert shop.land().error is None
    assert shop.counts().quarantined == 1


def test_missing_optional_column_is_null(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1)], [name for name in sale(1) if name != "pieces"]))
    assert shop.land().error is None
    assert shop.rows("sale_id, pieces") == [("S1", None)]


def test_keys_in_another_order_are_no_change(shop: Shop) -> None:
    shop.deliver("a.jsonl", json.dumps(dict(reversed(sale(1).items()))) + "\n" + json.dumps(sale(1)) + "\n")
    assert shop.land().error is None
    assert shop.counts().doubled == 1


def test_renamed_column_is_reported_as_such_and_lands_once_the_contract_says_its_new_name(shop: Shop) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1), sale(2, pieces=0)], sale(1)))
    renamed = [("kanal" if name == "channel" else name) for name in sale(1)]
    rows = [{("kanal" if k == "channel" else k): v for k, v in sale(n, pieces=n - 3).items()} for n in (3, 4)]
    shop.deliver("b.csv", as_csv(rows, renamed))
    result = shop.land()
    assert result.state == "blocked"
    assert "channel of shop/sales is gone, and kanal is new: renamed?" in (result.error or "")
    assert "physicalName: kanal" in (result.cure or "")
    assert shop.counts().received == 2
    shop.columns["channel"]["physicalName"] = "kanal"
    shop.declare()
    shop.deliver("c.csv", as_csv([sale(5)], sale(1)))  # late, and still by the old name
    assert shop.land().error is None
    assert shop.rows("sale_id, channel") == [("S1", "shop"), ("S4", "shop"), ("S5", "shop")]
    shop.columns["pieces"]["logicalTypeOptions"] = {}
    shop.declare()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(2, 0)]
    assert shop.rows("sale_id, channel")[1] == ("S2", "shop")
    with pytest.raises(Exception, match="kanal"):
        shop.rows("kanal")


def test_json_with_a_renamed_key_is_reported_as_such_and_lands_by_either_name(shop: Shop) -> None:
    rows = [{("kanal" if k == "channel" else k): v for k, v in sale(n).items()} for n in range(EVIDENCE_ROWS)]
    shop.deliver("a.jsonl", rows)
    result = shop.land()
    assert result.state == "blocked"
    assert "kanal is new: renamed?" in (result.error or "")
    shop.columns["channel"]["physicalName"] = "kanal"
    shop.declare(on_drift="block")
    shop.deliver("b.jsonl", [sale(99)])
    assert shop.land().error is None
    assert len(shop.rows("channel")) == shop.counts().landed == EVIDENCE_ROWS + 1


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_column_that_changed_its_type_blocks_its_file_instead_of_filling_quarantine(
    shop: Shop, file_format: str
) -> None:
    def deliver(name: str, rows: list[dict[str, object]]) -> None:
        shop.deliver(name, as_csv(rows, sale(1)) if file_format == "csv" else rows)

    shop.declare(file_format=file_format)
    deliver(f"a.{file_format}", [sale(n) for n in range(20)])
    deliver(f"b.{file_format}", [sale(100 + n, pieces="two" if n < 12 else 2) for n in range(20)])
    deliver(f"c.{file_format}", [sale(200 + n, pieces="two" if n < 9 else 2) for n in range(20)])
    result = shop.land()
    assert result.state == "blocked"
    assert f"sales/b.{file_format}" in (result.error or "")
    assert "column pieces of shop/sales is not integer in 12 of 20 records" in (result.error or "")
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (40, 31, 9)


def test_same_bad_records_delivered_again_are_duplicates_not_a_changed_type(shop: Shop) -> None:
    bad = [sale(n, pieces="two") for n in range(30)]
    shop.deliver("a.jsonl", [*bad, *(sale(100 + n) for n in range(60))])
    shop.land()
    shop.deliver("b.jsonl", bad)
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.quarantined, counts.doubled) == (30, 30)


def test_few_records_of_another_type_are_bad_records(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(n, pieces="two") for n in range(EVIDENCE_ROWS - 1)])
    assert shop.land().error is None
    assert shop.counts().quarantined == EVIDENCE_ROWS - 1


def test_new_column_is_surfaced_when_it_comes_and_not_again(shop: Shop) -> None:
    lines: list[str] = []
    shop.deliver("a.jsonl", [sale(1), sale(2, shelf="top")])
    result = land_source("shop", progress=lines.append)
    assert result.entities[0].new_columns == ["shelf"]
    assert result.as_dict()["entities"][0]["new_columns"] == ["shelf"]
    assert any("new column shelf" in line for line in lines)
    shop.deliver("b.jsonl", [sale(3, shelf="low")])
    assert shop.land().entities[0].new_columns == []
    assert shop.counters().new_columns == ("shelf",)


@pytest.mark.parametrize("indent", [2, None], ids=["over many lines", "as one list"])
def test_json_that_is_not_lines_of_records_is_left_whole(shop: Shop, indent: int | None) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    text = json.dumps([sale(n) for n in range(30)], indent=indent)
    shop.deliver("b.jsonl", text if indent else "\n".join([text] * 3 + ["[]"] * 20))
    result = shop.land()
    assert result.state == "blocked"
    assert "sales/b.jsonl" in (result.error or "")
    assert "cannot be parsed" in (result.error or "")
    assert shop.counts().received == 1

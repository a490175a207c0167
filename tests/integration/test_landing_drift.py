"""When a source changes shape: what is new is kept, what is gone blocks its files, and the message names the column."""

import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.drift import EVIDENCE_ROWS
from ingestion.landing import has_new
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
def test_new_column_that_cannot_stand_beside_the_others_blocks(shop: Shop, names: list[str]) -> None:
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
    quoted = '"' + name.replace('"', '""') + '"'
    assert shop.rows(quoted) == [("v",)]


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

"""What quarantine keeps of a rejected record, whatever it came by: whole, with place, reason and no value of it."""

import json
import resource
import sqlite3
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.landing import rejected_rows
from ingestion.landing.land import land_source
from ingestion.quarantine.records import list_rejected, raw_bytes, replay, show
from tests.contract_rows import as_csv
from tests.declared_tables import leave_table, own_table
from tests.integration.test_landing_files import as_parquet
from tests.landing_lake import Shop, sale

SECRET = "13912345678"


def bad() -> list[dict[str, object]]:
    """Two good rows around one whose `pieces` is no number but a person's."""
    return [sale(1), sale(2, pieces=SECRET + "x", buyer="李"), sale(3)]


def deliver(shop: Shop, file_format: str) -> None:
    shop.declare(file_format=file_format)
    if file_format == "csv":
        shop.deliver("a.csv", as_csv(bad(), sale(1)))
    elif file_format == "jsonl":
        shop.deliver("a.jsonl", bad())
    else:
        rows = [row | {"pieces": str(row["pieces"])} for row in bad()]
        pq.write_table(as_parquet(rows), shop.folder / "a.parquet")


def deliver_to_sqlite(shop: Shop) -> None:
    shop.document["servers"][0] |= {"format": "sqlite", "path": "shop/shop.db"}
    shop.document["schema"][0]["physicalName"] = "sales"
    shop.document["schema"][0]["customProperties"].append({"property": "watermark", "value": "delivered_at"})
    shop.declare()
    with sqlite3.connect(shop.home / "sandbox" / "shop" / "shop.db") as connection:
        connection.execute(f"create table sales ({', '.join(sale(1))})")
        connection.executemany(
            f"insert into sales values ({', '.join('?' * len(sale(1)))})", [list(row.values()) for row in bad()]
        )


@pytest.mark.parametrize(("file_format", "position"), [("csv", 3), ("jsonl", 2), ("parquet", 2), ("sqlite", None)])
def test_rejected_record_is_whole_with_place_and_reason_and_is_replayed_once(
    shop: Shop, file_format: str, position: int | None
) -> None:
    deliver_to_sqlite(shop) if file_format == "sqlite" else deliver(shop, file_format)
    assert shop.land().error is None
    (rejected,) = list_rejected("shop")
    assert (rejected.reason, rejected.column_name, rejected.source_position) == ("wrong_type", "pieces", position)
    assert rejected.value_class == "varchar of 12 characters"
    assert rejected.batch_id.endswith("-00000000")
    raw = json.loads(show(rejected.refused_id)["raw"])
    assert (raw["sale_id"], raw["pieces"], raw["buyer"]) == ("S2", SECRET + "x", "李")
    assert set(raw) >= set(sale(1))
    assert SECRET not in str(rejected)
    shop.columns["pieces"] |= {"logicalType": "string", "logicalTypeOptions": {}}
    assert SECRET not in "".join(path.read_text() for path in Path(shop.home, "delta").rglob("*.json"))


def test_records_that_are_no_text_stay_through_a_replay_and_the_others_land_once(shop: Shop) -> None:
    bytes_of = json.dumps(sale(2, buyer="X")).encode().replace(b"X", b"\xff\\")
    literal = bytes_of.replace(b"\xff", b"\\xff").replace(b"\\\\", b"\\").replace(b"\\xff\\", b"\\xff\\\\")
    rows = [json.dumps(sale(1, channel="fax")).encode(), bytes_of, literal, json.dumps(sale(3)).encode()]
    shop.deliver("a.jsonl", b"\n".join(rows))
    assert shop.land().error is None
    assert shop.counts().quarantined == 3  # as text the second and the third look alike
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("fax")
    shop.declare()
    for landed in (1, 0):
        assert [(r.landed, r.doubled, r.remaining) for r in replay("shop")] == [(landed, 0, 2)]
    kept = {raw_bytes(show(rejected.refused_id)) for rejected in list_rejected("shop")}
    assert kept == {bytes_of, literal}
    shop.deliver("b.jsonl", b"\n".join(rows))
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (8, 2, 2, 4)


def test_a_new_type_of_a_column_lets_its_records_in(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(n, buyer=f"B{n}") for n in range(3)] + [sale(9, amount_cny="nine", pieces="9.5")])
    shop.land()
    assert shop.counts().quarantined == 1
    shop.columns["pieces"]["logicalTypeOptions"] = {}
    del shop.columns["amount_cny"]["name"]
    shop.document["schema"][0]["properties"] = [
        column for column in shop.document["schema"][0]["properties"] if column.get("name") not in (None, "pieces")
    ]
    shop.declare()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(1, 0)]
    assert replay("shop")[0].landed == 0
    assert len(shop.rows("sale_id")) == shop.counters().landed == 4


@pytest.mark.parametrize("records", [5_000, pytest.param(100_000, marks=pytest.mark.prove)])
def test_many_rejected_records_are_replayed_each_once(shop: Shop, records: int) -> None:
    shop.deliver("a.jsonl", [sale(n, channel="fax") for n in range(records)])
    shop.land()
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("fax")
    shop.declare()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(records, 0)]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{records} records replayed in {time.monotonic() - started:.1f} s, peak memory grew by {grown:.0f} MB")
    assert [(r.landed, r.doubled, r.remaining) for r in replay("shop")] == [(0, 0, 0)]
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (records, records, 0)


def test_quarantine_of_an_older_lake_is_read_and_written_on(shop: Shop) -> None:
    from lake import writer
    from lake.tables import open_table
    from lake.writer import Commit

    shop.deliver("a.jsonl", [sale(1, channel="fax")])
    shop.land()
    table = open_table("quarantine/shop/sales")
    assert table is not None
    before = table.to_pyarrow_table().drop_columns(["is_escaped"])
    leave_table("quarantine/shop/sales", before)
    half = [sale(2, channel="telex"), sale(3)]
    with own_table("quarantine/shop/sales", before.schema):  # cut short here
        writer.append("quarantine/shop/sales", before.slice(0, 0), commit=Commit("shop/sales/files", 1))
    shop.deliver("b.jsonl", half)
    assert land_source("shop").error is None
    assert len(list_rejected("shop")) == 2
    shop.columns["channel"]["quality"][0]["arguments"]["validValues"].append("fax")
    shop.declare()
    assert [(r.landed, r.remaining) for r in replay("shop")] == [(1, 1)]


def test_rejected_record_that_is_lost_on_its_way_fails_the_batch_and_is_reported(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2, pieces="x"), sale(3, pieces="x", buyer="b" * 5000)])
    logged = rejected_rows._logged

    def loses_short_ones(line: str, kind: str, result: str) -> str:
        return f"case when strlen({line}) > 5000 then {logged(line, kind, result)} else {result} end"

    with monkeypatch.context() as patched:
        patched.setattr(rejected_rows, "_logged", loses_short_ones)
        result = shop.land()
    assert "2 rows were set aside and 1 are in the log" in (result.error or "")
    assert result.cure
    assert shop.rows() == shop.rows(zone="quarantine") == []
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (1, 2)

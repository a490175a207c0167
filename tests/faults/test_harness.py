"""The tests of the fault tests: a planted loss, duplicate, half batch and miscount are each seen."""

from pathlib import Path

import pyarrow as pa
import pytest

from ingestion.landing import batches
from lake import writer
from lake.data_files import table_folder
from lake.sql.connections import connect
from lake.tables import open_table
from tests.faults import traffic
from tests.faults.reconcile import Delivered, Verdict, reconcile
from tests.faults.traffic import Findings, judge
from tests.landing_lake import Shop, sale

BRONZE = "bronze/shop/sales"


@pytest.fixture
def delivered(shop: Shop) -> Delivered:
    """Two batches: good rows, bad rows, duplicates."""
    delivered = Delivered()
    for day in range(2):
        good = delivered.add([sale(10 * day + n, buyer=None, amount_cny=n / 3) for n in range(5)])
        bad = delivered.add([sale(10 * day + 8, pieces="many")], bad=True)
        shop.deliver(f"{day}.jsonl", good + bad + delivered.add(good[:2]))
        shop.land()
    assert reconcile(shop, delivered).is_sound
    return delivered


def test_planted_gap_and_duplicate_among_many_writers_are_seen() -> None:
    rows = [(writer, number) for writer in range(3) for number in range(5)]
    assert judge(rows, at_least=15).is_sound
    assert judge([row for row in rows if row != (1, 2)]) == Findings(lost=1, doubled=0)
    assert judge([*rows, (2, 4)]) == Findings(lost=0, doubled=1)
    assert judge(rows[:-1]).is_sound  # the last of a writer is missed only where it is known to have been there
    assert judge(rows[:-1], at_least=15) == Findings(lost=1, doubled=0)


@pytest.mark.parametrize("engine", ["duckdb", "delta-rs"])
def test_reader_reports_a_file_that_is_gone(home: Path, tmp_path: Path, engine: str) -> None:
    report = str(tmp_path / "report")
    with connect() as connection:
        for batch in range(2):
            traffic.append_batch(connection, 1, batch)
    traffic.read_again_and_again(engine, 0.2, report)
    assert not traffic.seen_by_readers([report])["missing-file reads"]
    next(table_folder(traffic.TABLE).glob("*.parquet")).unlink()
    traffic.read_again_and_again(engine, 0.2, report)
    assert traffic.seen_by_readers([report])["missing-file reads"]


def rows_of(table: str) -> pa.Table:
    found = open_table(table)
    assert found is not None
    return pa.table(found.to_pyarrow_table())


def test_planted_loss_is_seen(shop: Shop, delivered: Delivered) -> None:
    writer.delete(BRONZE, "sale_id = 'S3'")
    assert reconcile(shop, delivered) == Verdict(lost=1, doubled=0, half_batches=1, miscounted=1)


def test_planted_loss_in_quarantine_is_seen(shop: Shop, delivered: Delivered) -> None:
    writer.delete("quarantine/shop/sales", "source_file = 'sales/0.jsonl'")
    assert reconcile(shop, delivered) == Verdict(lost=1, doubled=0, half_batches=0, miscounted=1)


def test_planted_duplicate_is_seen(shop: Shop, delivered: Delivered) -> None:
    writer.append(BRONZE, rows_of(BRONZE).slice(0, 1))
    assert reconcile(shop, delivered) == Verdict(lost=0, doubled=1, half_batches=1, miscounted=1)


def test_bent_value_is_seen(shop: Shop, delivered: Delivered) -> None:
    row = rows_of(BRONZE).slice(0, 1)
    writer.delete(BRONZE, f"record_id = '{row['record_id'][0].as_py()}'")
    position = row.schema.get_field_index("amount_cny")
    writer.append(BRONZE, row.set_column(position, "amount_cny", pa.array([0.333333], pa.float64())))
    assert reconcile(shop, delivered) == Verdict(lost=1, doubled=1, half_batches=0, miscounted=0)


def test_planted_half_batch_is_seen(shop: Shop, delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(BaseException):
        pass

    def cut(reached: str) -> None:
        if reached == "landing.quarantined":
            raise PowerCut

    shop.deliver("2.jsonl", delivered.add([sale(99, pieces="many")], bad=True))
    with monkeypatch.context() as patched:
        patched.setattr(batches, "crash_point", cut)
        with pytest.raises(PowerCut):
            shop.land()
    assert reconcile(shop, delivered).half_batches == 1
    shop.land()
    assert reconcile(shop, delivered).is_sound

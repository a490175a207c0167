"""Drop folders: every row of every file in bronze or quarantine, once, whatever the files are like."""

import gzip
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.landing import staging
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected, show
from lake.tables import open_table, table_version
from tests.contract_rows import as_csv
from tests.landing_lake import NOW, Shop, sale

VERSION = "bronze/shop/sales"


def reasons(shop: Shop) -> list[tuple[str, str | None]]:
    return sorted((r.reason, r.column_name) for r in list_rejected("shop"))


def test_rows_land_typed_with_what_landing_adds(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2, buyer=None, pieces=None)])
    result = shop.land()
    assert (result.state, result.error) == ("landed", None)
    added = "record_id, known_at, landed_at, batch_id, source_file, content_hash > 0"
    noon = datetime(2026, 6, 30, 12, tzinfo=UTC)
    assert shop.rows(f"sale_id, buyer, pieces, amount_cny, {added}") == [
        ("S1", "陈 小明", 2, 9.5, "shop:sales:S1", noon, NOW, "files-00000000", "sales/a.jsonl", True),
        ("S2", None, None, 9.5, "shop:sales:S2", noon, NOW, "files-00000000", "sales/a.jsonl", True),
    ]


def test_nothing_new_is_no_new_version(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    assert has_new("shop")
    shop.land()
    version = table_version(VERSION)
    assert not has_new("shop")
    assert shop.land().state == "idle"
    assert table_version(VERSION) == version


def test_all_new_files_land_as_one_commit(shop: Shop) -> None:
    for day in range(20):
        shop.deliver(f"2026-06-{day + 1:02d}.jsonl", [sale(day)])
    shop.land()
    assert table_version(VERSION) == 0
    assert shop.counts().landed == 20


def test_exact_duplicate_is_dropped_and_counted_within_a_batch_and_against_bronze(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(1), sale(2)])
    shop.land()
    shop.deliver("b.jsonl", [sale(2), sale(3), sale(1)])
    shop.land()
    assert [row for (row,) in shop.rows("sale_id")] == ["S1", "S2", "S3"]
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.doubled) == (6, 3, 3)


def test_same_key_with_new_content_is_a_new_version(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, pieces=1)])
    shop.deliver("b.jsonl", [sale(1, pieces=2)])
    shop.land()
    assert shop.rows("record_id, pieces") == [("shop:sales:S1", 1), ("shop:sales:S1", 2)]


def test_batch_of_duplicates_only_moves_cursor_and_counters(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    shop.deliver("copy of a.jsonl", [sale(1)])
    shop.land()
    assert shop.counts().doubled == 1
    assert not has_new("shop")


def test_bad_rows_go_to_quarantine_whole_with_reason_and_place(shop: Shop) -> None:
    lines = [sale(1), sale(2, channel="fax"), sale(3, pieces="many"), sale(4, event_at="1970-01-01T00:00:00Z")]
    shop.deliver("a.jsonl", lines)
    shop.land()
    assert reasons(shop) == [("not_allowed", "channel"), ("time_out_of_range", "event_at"), ("wrong_type", "pieces")]
    (fax,) = [r for r in list_rejected() if r.reason == "not_allowed"]
    assert (fax.source_file, fax.source_position, fax.batch_id) == ("sales/a.jsonl", 2, "files-00000000")
    assert fax.value_class == "varchar of 3 characters"
    assert show(fax.refused_id[:12])["raw"] == json.dumps(lines[1], ensure_ascii=False)
    assert shop.counts().quarantined == 3


def test_warning_keeps_the_row(shop: Shop) -> None:
    shop.columns["channel"]["quality"][0]["severity"] = "warn"
    shop.declare()
    shop.deliver("a.jsonl", [sale(1, channel="fax")])
    shop.land()
    assert shop.rows("channel") == [("fax",)]


def test_line_that_is_not_json_is_rejected_and_the_others_land(shop: Shop) -> None:
    good = [json.dumps(sale(1)), json.dumps(sale(3))]
    shop.deliver("a.jsonl", "\n".join([good[0], '{"sale_id": "S2", ', "[1, 2]", '"text"', "{}", good[1], ""]))
    shop.land()
    assert [row for (row,) in shop.rows("sale_id")] == ["S1", "S3"]
    assert reasons(shop) == [("unreadable", None)] * 4
    assert shop.counts().received == 6


def test_same_bad_record_twice_is_kept_once_and_counted_as_duplicate(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, channel="fax"), sale(1, channel="fax")])
    shop.land()
    shop.deliver("b.jsonl", [sale(1, channel="fax")])
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.quarantined, counts.doubled) == (3, 1, 2)


def test_strings_survive_byte_for_byte(shop: Shop) -> None:
    texts = ["0012", "café", "cafe\u0301", "👩\u200d👩\u200d👧 שלום", " a ", "'; drop table x; --", "{{ jinja }}"]
    texts += ['a\tb"c\\d\u0001']
    shop.deliver("a.jsonl", [sale(n, buyer=text) for n, text in enumerate(texts)])
    shop.land()
    assert {buyer for (buyer,) in shop.rows("buyer")} == set(texts)


def test_empty_drop_is_no_error(shop: Shop) -> None:
    assert not has_new("shop")
    assert shop.land().state == "idle"
    shop.deliver("a.jsonl", b"")
    assert shop.land().error is None
    assert not has_new("shop")


def test_touched_or_renamed_file_brings_nothing(shop: Shop) -> None:
    path = shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    version = table_version(VERSION)
    os.utime(path, (1, 1))
    path.rename(shop.folder / "b.jsonl")
    assert shop.land().counts.received == 0
    assert table_version(VERSION) == version


def test_rewritten_file_is_noticed_and_its_old_rows_are_not_counted_again(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(2), sale(2), sale(9, channel="fax")])
    shop.land()
    shop.deliver("a.jsonl", [sale(1), sale(2), sale(2), sale(9, channel="fax"), sale(3)])
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (5, 3, 1, 1)


def test_half_written_file_is_left_alone_until_it_has_its_name(shop: Shop) -> None:
    part = shop.deliver("a.jsonl.part", [sale(1)])
    shop.table()
    assert shop.land().state == "idle"
    part.rename(shop.folder / "a.jsonl")
    assert shop.land().counts.landed == 1


def test_file_written_while_it_is_read_is_left_and_lands_when_it_is_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    growing = shop.deliver("b.jsonl", [sale(2)])
    stage = staging.stage

    def slow_stage(*arguments: Any, **options: Any) -> staging.Staged:
        staged = stage(*arguments, **options)
        with growing.open("a") as file:
            file.write(json.dumps(sale(3))[:20])
        return staged

    with monkeypatch.context() as patched:
        patched.setattr(staging, "stage", slow_stage)
        result = shop.land()
    assert "b.jsonl: was written while" in (result.error or "")
    assert shop.rows("sale_id") == [("S1",)]
    shop.deliver("b.jsonl", [sale(2), sale(3)])
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (3, 0)


@pytest.fixture(params=["cut", "damaged", "not gzip", "empty", "bomb"])
def broken_gzip(request: pytest.FixtureRequest) -> bytes:
    whole = gzip.compress("".join(json.dumps(sale(n)) + "\n" for n in range(3000)).encode())
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    return {
        "cut": whole[: len(whole) // 2],
        "damaged": bytes(flipped),
        "not gzip": b"hello",
        "empty": b"",
        "bomb": gzip.compress(b"\n" * 100_000_000),
    }[request.param]


def test_unreadable_file_is_left_and_named_and_the_others_land(shop: Shop, broken_gzip: bytes) -> None:
    shop.declare(file_format="jsonl.gz")
    shop.deliver("good.jsonl.gz", gzip.compress(json.dumps(sale(1)).encode()))
    bad = shop.deliver("bad.jsonl.gz", broken_gzip)
    result = shop.land()
    assert result.state == "failed"
    assert "sales/bad.jsonl.gz" in (result.error or "")
    assert result.cure
    assert shop.counts().landed == 1
    assert bad.exists()
    bad.write_bytes(gzip.compress(json.dumps(sale(2)).encode()))  # delivered again, whole
    assert shop.land().state == "landed"
    assert shop.counts().landed == 2


def as_parquet(rows: list[dict[str, Any]]) -> pa.Table:
    times = ("event_at", "delivered_at")
    return pa.Table.from_pylist([row | {t: datetime.fromisoformat(row[t]) for t in times} for row in rows])


def test_parquet_lands_with_its_own_types_and_position(shop: Shop) -> None:
    shop.declare(file_format="parquet")
    pq.write_table(as_parquet([sale(1), sale(2, pieces=0)]), shop.folder / "a.parquet")
    shop.land()
    assert shop.rows("sale_id, pieces, bought_date::varchar") == [("S1", 2, "2026-06-30")]
    (rejected,) = list_rejected("shop")
    assert (rejected.reason, rejected.source_position) == ("out_of_range", 2)


def test_parquet_files_of_differing_types_land_together(shop: Shop) -> None:
    shop.declare(file_format="parquet")
    pq.write_table(as_parquet([sale(1)]), shop.folder / "a.parquet")
    pq.write_table(as_parquet([sale(2, pieces="many")]), shop.folder / "b.parquet")
    shop.land()
    assert shop.rows("sale_id") == [("S1",)]
    assert reasons(shop) == [("wrong_type", "pieces")]


def test_cut_parquet_is_left_and_named(shop: Shop) -> None:
    shop.declare(file_format="parquet")
    pq.write_table(as_parquet([sale(1)]), shop.folder / "a.parquet")
    shop.deliver("b.parquet", (shop.folder / "a.parquet").read_bytes()[:-20])
    result = shop.land()
    assert "b.parquet" in (result.error or "")
    assert shop.counts().landed == 1


def test_csv_is_read_by_its_header_and_keeps_null_and_empty_apart(shop: Shop) -> None:
    shop.declare(file_format="csv")
    names = list(reversed(sale(1)))
    shop.deliver("a.csv", as_csv([sale(1, buyer=None), sale(2, buyer='O\'Neil, "Pat"\nsecond line')], names))
    shop.deliver("b.csv", as_csv([sale(3)], sale(3)).replace("陈 小明".encode(), b'""'))
    shop.land()
    assert shop.rows("sale_id, buyer") == [("S1", None), ("S2", 'O\'Neil, "Pat"\nsecond line'), ("S3", "")]


def test_ragged_csv_lines_are_rejected_with_their_line(shop: Shop) -> None:
    shop.declare(file_format="csv")
    text = as_csv([sale(1), sale(2), sale(3)], sale(1)).decode().splitlines()
    shop.deliver("a.csv", "\n".join([*text[:2], "S8,too,few", text[2], "S9" + ",1" * 20, text[3]]) + "\n")
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined) == (5, 3, 2)
    assert {(r.reason, r.source_position) for r in list_rejected("shop")} == {("unreadable", 3), ("unreadable", 5)}


@pytest.mark.parametrize("header", ["sale_id,sale_id,channel", "sale_id,,channel", "\xff\xfe"])
def test_csv_with_an_impossible_header_is_left_and_named(shop: Shop, header: str) -> None:
    shop.declare(file_format="csv")
    shop.deliver("a.csv", as_csv([sale(1)], sale(1)))
    shop.deliver("b.csv", header.encode("latin-1") + b"\n1,2,3\n")
    assert "b.csv" in (shop.land().error or "")
    assert shop.counts().landed == 1


def test_drop_folder_that_is_not_there_is_an_error_with_cure(shop: Shop) -> None:
    shop.folder.rmdir()
    shop.folder.parent.rmdir()
    (shop.home / "sandbox" / "clock.json").unlink()
    result = shop.land()
    assert result.state == "failed"
    assert "drop folder" in (result.error or "")
    assert "LAKE_SOURCE_ROOT" in (result.cure or "")


def test_full_refresh_lands_and_counts_nothing_twice(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1), sale(1), sale(2, channel="fax")])
    shop.land()
    before = shop.counts()
    shop.land(full_refresh=True)
    assert shop.counts() == before


def test_rows_of_a_later_day_land_whatever_order_the_files_come_in(shop: Shop) -> None:
    late = (NOW - timedelta(days=40)).isoformat()
    shop.deliver("2026-06-30.jsonl", [sale(1)])
    shop.land()
    shop.deliver("2026-05-22.jsonl", [sale(2, event_at=late)])
    shop.land()
    assert shop.counts().landed == 2


def test_log_of_the_table_holds_no_personal_value(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1, buyer="secret@example.com")])
    shop.land()
    log = Path(f"{shop.home}/delta/bronze/shop/sales/_delta_log")
    text = "".join(path.read_text() for path in log.glob("*.json"))
    assert "secret@example.com" not in text
    table = open_table(VERSION)
    assert table is not None
    assert set(table.get_add_actions(flatten=True).column_names) >= {"min.event_at", "max.known_at", "num_records"}

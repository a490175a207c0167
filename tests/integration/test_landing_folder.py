"""What lies in a drop folder: sub-folders, odd names, links, and what is no file; and how large its cursor is."""

import json
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.connectors.drops.folder import LocalFolder
from ingestion.landing.land import has_new
from ingestion.quarantine.records import list_rejected
from lake.landing_state import read_state
from lake.tables import table_version
from tests.contract_rows import as_csv
from tests.integration.test_landing_files import as_parquet
from tests.landing_lake import Shop, sale

BRONZE = "bronze/shop/sales"
NAMES = [
    "a b.x", "x'; drop table sales; --.x", 'say "hi".x', "[a-z]*?.x", "{1,2}.x", "new\nline.x", "%2e%2e.x", "列 👩.x",
    "back\\slash.x", "-rf.x", "$HOME.x",
]  # fmt: skip


def pattern(shop: Shop, glob: str, file_format: str | None = None) -> None:
    shop.document["schema"][0]["physicalName"] = glob
    if file_format:
        shop.document["servers"][0]["format"] = file_format
    shop.declare()


def content(file_format: str, number: int) -> bytes:
    if file_format == "parquet":
        sink = pa.BufferOutputStream()
        pq.write_table(as_parquet([sale(number), sale(number, channel="fax")]), sink)
        return sink.getvalue().to_pybytes()
    rows = [sale(number), sale(number, channel="fax")]
    return as_csv(rows, sale(1)) if file_format == "csv" else "\n".join(map(json.dumps, rows)).encode()


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_name_of_a_file_is_only_a_name(shop: Shop, file_format: str) -> None:
    pattern(shop, "sales/*.x", file_format)
    for number, name in enumerate(NAMES):
        shop.deliver(name, content(file_format, number))
    undecodable = os.fsencode(shop.folder) + b"/caf\xe9.x"
    Path(os.fsdecode(undecodable)).write_bytes(content(file_format, 99))
    assert shop.land().error is None
    counts = shop.counts()
    assert (counts.landed, counts.quarantined) == (len(NAMES) + 1, len(NAMES) + 1)
    files = dict(shop.rows("sale_id, source_file"))
    assert files["S99"] == "sales/caf\\xe9.x"
    assert files["S5"] == "sales/new\\nline.x"
    assert files["S3"] == "sales/[a-z]*?.x"
    assert len({r.source_file for r in list_rejected("shop")}) == counts.quarantined
    assert not has_new("shop")


def test_files_of_sub_folders_land_in_one_order_whatever_the_disk_says(shop: Shop) -> None:
    pattern(shop, "sales/year=*/month=*/*.jsonl")
    for year, month in ((2025, 12), (2026, 1), (2026, 2)):
        folder = shop.folder / f"year={year}" / f"month={month:02d}"
        folder.mkdir(parents=True)
        (folder / "part-0.jsonl").write_text(json.dumps(sale(year * 100 + month)))
    shop.deliver("above.jsonl", [sale(1)])
    assert shop.land().error is None
    assert shop.rows("sale_id, source_file") == [
        ("S202512", "sales/year=2025/month=12/part-0.jsonl"),
        ("S202601", "sales/year=2026/month=01/part-0.jsonl"),
        ("S202602", "sales/year=2026/month=02/part-0.jsonl"),
    ]
    pattern(shop, "sales/**/*.jsonl")
    assert shop.land().counts.landed == 1
    found, _ = LocalFolder("shop", shop.folder.parent, "sales/**/*.jsonl").files()
    assert list(found) == sorted(found)
    assert len(found) == 4


def test_temporary_folder_of_a_writer_is_left_alone(shop: Shop) -> None:
    pattern(shop, "sales/**/*.jsonl")
    (shop.folder / "_temporary" / "0").mkdir(parents=True)
    (shop.folder / "_temporary" / "0" / "a.jsonl").write_text(json.dumps(sale(1)))
    assert shop.land().state == "idle"


def test_link_out_of_the_folder_is_not_followed_and_reported(shop: Shop, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_text(json.dumps(sale(9)))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.jsonl").write_text(json.dumps(sale(8)))
    pattern(shop, "sales/**/*.jsonl")
    shop.deliver("good.jsonl", [sale(1)])
    (shop.folder / "link.jsonl").symlink_to(secret)
    (shop.folder / "up.jsonl").symlink_to("../../../../secret.jsonl")
    (shop.folder / "nowhere.jsonl").symlink_to("nowhere")
    (shop.folder / "outside").symlink_to(tmp_path / "outside")
    (shop.folder / "round").symlink_to(shop.folder)
    result = shop.land()
    messages = {t.place.rpartition("/")[2]: t.message for e in result.entities for t in e.troubles}
    assert {name: "out of the source's folder" in message for name, message in messages.items()} == {
        "link.jsonl": True, "up.jsonl": True, "nowhere.jsonl": False, "outside": True,
    }  # fmt: skip
    assert all(t.cure for e in result.entities for t in e.troubles)
    assert shop.rows("sale_id") == [("S1",)]


def test_link_within_the_folder_is_another_delivery(shop: Shop) -> None:
    shop.deliver("a.jsonl", [sale(1)])
    (shop.folder / "newest.jsonl").symlink_to("a.jsonl")
    assert shop.land().error is None
    assert (shop.counts().landed, shop.counts().doubled) == (1, 1)


def test_what_is_no_file_is_reported_and_the_others_land(shop: Shop) -> None:
    shop.deliver("good.jsonl", [sale(1)])
    (shop.folder / "folder.jsonl").mkdir()
    os.mkfifo(shop.folder / "pipe.jsonl")
    result = shop.land()
    assert {t.place.rpartition("/")[2] for e in result.entities for t in e.troubles} == {"folder.jsonl", "pipe.jsonl"}
    assert shop.rows("sale_id") == [("S1",)]
    assert shop.land().state == "failed"  # until somebody looks


def test_file_that_may_not_be_read_is_reported_and_the_others_land(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("good.jsonl", [sale(1)])
    closed = shop.deliver("closed.jsonl", [sale(2)])
    if os.geteuid() == 0:  # nothing is closed to root: the refusal is put where the system would say it
        opened = Path.open

        def refusing(path: Path, *arguments: object, **options: object) -> object:
            if path == closed:
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **options)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", refusing)
    else:
        closed.chmod(0)
    result = shop.land()
    assert "closed.jsonl: Permission denied" in (result.error or "")
    assert shop.rows("sale_id") == [("S1",)]


def test_file_rewritten_with_its_size_and_time_kept_is_noticed(shop: Shop) -> None:
    path = shop.deliver("a.jsonl", [sale(1)])
    stat = path.stat()
    shop.land()
    shop.deliver("a.jsonl", [sale(2)])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert shop.land().counts.landed == 1


def test_file_that_went_and_came_back_duplicates_nothing(shop: Shop) -> None:
    path = shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    path.unlink()
    shop.deliver("b.jsonl", [sale(2)])
    shop.land()
    shop.deliver("a.jsonl", [sale(1)])
    shop.land()
    assert shop.rows("sale_id") == [("S1",), ("S2",)]
    assert shop.counts().doubled == 1


def test_cursor_of_an_older_lake_is_understood(shop: Shop) -> None:
    from ingestion.connectors.drops.landed import Landed, describe

    shop.deliver("a.jsonl", [sale(1)])
    (file,) = LocalFolder("shop", shop.folder.parent, "sales/*.jsonl").files()[0].values()
    before = {"files": {file.name: [file.size, 1, describe(file).content.hex()]}}
    known = Landed.unpack(before).get(file)
    assert known is not None
    assert known.content == describe(file).content
    assert not Landed.unpack(before).lacks({file.name: file})


@pytest.mark.parametrize("files", [1000, pytest.param(10_000, marks=pytest.mark.prove)])
def test_many_small_files_land_as_one_commit_with_a_small_cursor(shop: Shop, files: int) -> None:
    for number in range(files):
        shop.deliver(f"2026-06-30-{number:06d}.jsonl", [sale(number)])
    started = time.monotonic()
    assert shop.land().error is None
    first = time.monotonic() - started
    shop.deliver("one more.jsonl", [sale(files)])
    started = time.monotonic()
    shop.land()
    second = time.monotonic() - started
    started = time.monotonic()
    assert not has_new("shop")
    idle = time.monotonic() - started
    log = sorted(Path(f"{shop.home}/delta/{BRONZE}/_delta_log").glob("*.json"))
    cursor = len(json.dumps(read_state(BRONZE)["streams"]["files"]["cursor"]))
    print(
        f"{files} files: landed in {first:.1f} s, one more in {second:.2f} s, idle look {idle:.2f} s,"
        f" commit {log[-1].stat().st_size / 1000:.0f} KB, cursor {cursor / 1000:.0f} KB"
    )
    assert shop.counts().landed == files + 1
    assert table_version(BRONZE) == 1
    assert cursor < 25 * files + 100

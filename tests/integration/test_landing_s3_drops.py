"""Drops in S3: the same files land the same way, each once, known by what is in them."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.services import object_store
from ingestion.connectors.drops import s3_folder
from ingestion.landing.land import has_new
from lake.s3 import access, objects
from lake.s3.access import Access
from tests.contract_rows import as_csv
from tests.landing_lake import Shop, sale

Put = Callable[[str, bytes], None]


@pytest.fixture
def bucket(store: str, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> str:
    """The bucket in which the shop's files are dropped, below `drops/shop`; its tables are on the disk."""
    bucket = object_store.make_bucket(store, f"drops-{abs(hash(shop.home)):x}")
    for name, value in object_store.environment(store).items():
        monkeypatch.setenv(name, value)
    shop.document["servers"][0] = {
        "server": "embedded", "type": "s3", "location": f"{bucket}/drops/shop", "format": "jsonl", "endpointUrl": store
    }  # fmt: skip
    shop.declare()
    return bucket


@pytest.fixture
def put(store: str, bucket: str) -> Put:
    """Drops an object below the source's prefix."""
    drops = access.store_access(store).for_arrow()

    def put(name: str, content: bytes) -> None:
        with drops.open_output_stream(f"{bucket.removeprefix('s3://')}/drops/shop/{name}", compression=None) as stream:
            stream.write(content)

    return put


def lines(*rows: dict[str, object]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def test_objects_land_once_by_their_content(shop: Shop, bucket: str, put: Put) -> None:
    assert not has_new("shop")
    put("sales/a.jsonl", lines(sale(1), sale(2, pieces="x")))
    put("sales/b.jsonl.part", lines(sale(3)))
    put("sales/_c.jsonl", lines(sale(4)))
    put("other/d.jsonl", lines(sale(5)))
    assert has_new("shop")
    assert shop.land().error is None
    assert [name for (name,) in shop.rows("source_file")] == ["sales/a.jsonl"]
    assert not has_new("shop")
    put("sales/a.jsonl", lines(sale(1), sale(2, pieces="x")))  # the same once more: the same ETag
    assert not has_new("shop")
    put("sales/a.jsonl", lines(sale(1), sale(2), sale(9)))  # rewritten
    assert has_new("shop")
    shop.land()
    put("sales/copy.jsonl", lines(sale(1), sale(2), sale(9)))
    shop.land()
    counts = shop.counts()
    assert (counts.received, counts.landed, counts.quarantined, counts.doubled) == (7, 3, 1, 3)


def test_every_format_lands_from_s3_as_from_a_disk(shop: Shop, bucket: str, put: Put) -> None:
    put("sales/day 1/é+&.jsonl.gz", gzip.compress(lines(sale(1))))
    shop.document["schema"][0]["physicalName"] = "sales/**/*.jsonl.gz"
    shop.declare()
    assert shop.land().error is None
    shop.document["servers"][0]["format"] = "csv"
    shop.document["schema"][0]["physicalName"] = "sales/*.csv"
    shop.declare()
    put("sales/a.csv", as_csv([sale(2), sale(3, channel="fax")], sale(1)))
    assert shop.land().error is None
    shop.document["servers"][0]["format"] = "parquet"
    shop.document["schema"][0]["physicalName"] = "sales/*.parquet"
    shop.declare()
    path = shop.home / "a.parquet"
    pq.write_table(pa.Table.from_pylist([sale(4)]), path)
    put("sales/a.parquet", path.read_bytes())
    assert shop.land().error is None
    assert shop.rows("sale_id, source_file") == [
        ("S1", "sales/day 1/é+&.jsonl.gz"), ("S2", "sales/a.csv"), ("S4", "sales/a.parquet")
    ]  # fmt: skip
    assert shop.counts().quarantined == 1


def test_spool_is_bounded_and_gone_at_the_end(
    shop: Shop, bucket: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_folder, "SPOOL_BYTES", 1000)
    held: list[int] = []
    fetch = objects.fetch

    def spy(access: Access, *, bucket: str, wanted: objects.StoredObject, target: Path) -> None:
        fetch(access, bucket=bucket, wanted=wanted, target=target)
        held.append(sum(path.stat().st_size for path in target.parent.iterdir()))

    monkeypatch.setattr(objects, "fetch", spy)
    for number in range(8):
        put(f"sales/{number}.jsonl", lines(sale(number)))
    shop.land()
    assert shop.counts().landed == 8
    assert 0 < max(held) <= 1000
    assert not list((shop.home / "tmp" / "spool").iterdir())


def test_object_that_is_replaced_while_it_is_fetched_waits_for_the_next_run(
    shop: Shop, bucket: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("sales/a.jsonl", lines(sale(1)))
    put("sales/b.jsonl", lines(sale(2)))
    fetch = objects.fetch

    def replaced(access: Access, *, bucket: str, wanted: objects.StoredObject, target: Path) -> None:
        if wanted.key.endswith("a.jsonl"):
            put("sales/a.jsonl", lines(sale(3)))
        fetch(access, bucket=bucket, wanted=wanted, target=target)

    with monkeypatch.context() as patched:
        patched.setattr(objects, "fetch", replaced)
        assert "replaced or removed" in str(shop.land().error)
    assert [row for (row,) in shop.rows("sale_id")] == ["S2"]
    assert shop.land().error is None
    assert [row for (row,) in shop.rows("sale_id")] == ["S2", "S3"]


def test_bucket_that_is_not_there_is_reported_with_its_cure(shop: Shop, bucket: str) -> None:
    shop.document["servers"][0]["location"] = "s3://no-such-bucket/shop"
    shop.declare()
    result = shop.land()
    assert "no-such-bucket" in str(result.error)
    assert "NoSuchBucket" in str(result.error)
    assert "list" in str(result.cure)
    assert object_store.KEY not in str(result)


def test_long_listings_are_read_to_their_end(
    shop: Shop, bucket: str, put: Put, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PAGE_KEYS", 2)
    for number in range(5):
        put(f"sales/{number}.jsonl", lines(sale(number)))
    folder = s3_folder.S3Folder(
        "shop", url=f"{bucket}/drops/shop", pattern="sales/*.jsonl", access=access.store_access(store)
    )
    assert [*folder.files()[0]] == [f"sales/{number}.jsonl" for number in range(5)]

"""A disk that is full: the run says so, the old version can be read, and the next run loses and duplicates nothing."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.landing.land import land_source
from lake.maintenance import maintain
from lake.tables import table_version
from tests.faults import children
from tests.faults.reconcile import Delivered, partial_batches, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.landing_lake import Shop

ROWS = 1000
#: Room left on the disk, as parts of what a batch is staged as: a batch with bad rows is written twice, then committed.
ROOM = (0.0, 0.5, 1.3, 1.9, 2.2, 2.5)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A disk of 8 MB below the tables, which only root can mount."""
    folder = home / "delta"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, room: int) -> Path:
    """Fill a disk but for some bytes; gives the file that fills it."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    with filler.open("wb") as file:
        file.write(bytes(max(0, free.f_bavail * free.f_frsize - room)))
    return filler


def test_full_disk_is_reported_and_nothing_is_lost_or_duplicated(shop: Shop, small_disk: Path) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0, rows=ROWS)
    shop.land()
    staged = sum(path.stat().st_size for path in (small_disk / BRONZE).glob("*.parquet"))
    failed = 0
    for day, part in enumerate(ROOM, start=1):
        rows = shop.rows()
        filler = fill(small_disk, int(part * staged))
        deliver(shop, delivered, day, rows=ROWS)
        result = shop.land()
        assert partial_batches(shop) == 0
        if result.error is not None:
            failed += 1
            assert "disk" in str(result.cure)
            assert shop.rows() == rows
        filler.unlink()
        assert shop.land().error is None
        assert reconcile(shop, delivered).is_sound
        maintain()
    print(f"disk full at {failed} of {len(ROOM)} levels of room: {reconcile(shop, delivered)}")
    assert failed >= 3


def land_with_small_files(limit: int) -> None:
    """Land the shop in a process that can write no file larger than `limit` bytes, and expect a report of it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    result = land_source("shop")
    assert result.error is not None
    assert "disk" in str(result.cure)


def test_write_that_the_system_refuses_is_reported_and_nothing_is_lost_or_duplicated(shop: Shop) -> None:
    delivered = Delivered()
    deliver(shop, delivered, 0)
    shop.land()
    for day, limit in enumerate((100, 1000, 5000), start=1):
        rows, version = shop.rows(), table_version(BRONZE)
        deliver(shop, delivered, day, rows=ROWS)
        assert children.start(land_with_small_files, limit).end() == 0
        assert (shop.rows(), table_version(BRONZE)) == (rows, version)
        assert shop.land().error is None
        assert reconcile(shop, delivered).is_sound
    print(f"writes refused at 3 sizes: {reconcile(shop, delivered)}")

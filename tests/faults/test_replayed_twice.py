"""Every batch again: delivered again, read again from the beginning, its very commit made again: row delta 0."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ingestion.connectors.databases import sql
from ingestion.connectors.drops import files
from lake.data_files import DataFile
from lake.tables import open_table, table_uri, table_version
from lake.writer import Commit, commit_files
from tests.faults.reconcile import Delivered, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.integration.test_landing_rest import Api, api
from tests.integration.test_landing_sql import Database, at, database
from tests.landing_lake import Shop, sale

__all__ = ["api", "database"]


@pytest.fixture
def tables_stay(shop: Shop) -> Iterator[Callable[[], None]]:
    """Holds bronze and quarantine row for row against what they were when it was called first."""
    seen: list[Any] = []

    def check() -> None:
        seen.append([shop.rows("* exclude (landed_at)"), shop.rows("* exclude (refused_at)", "quarantine")])
        assert seen[-1] == seen[0]
        shop.counts()

    yield check
    assert len(seen) > 1


def test_every_batch_number_committed_again_adds_nothing(shop: Shop) -> None:
    delivered = Delivered()
    for day in range(4):
        deliver(shop, delivered, day)
        shop.land()
    table, version = open_table(BRONZE), table_version(BRONZE)
    assert table is not None
    named = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    for number in range(4):
        again = [
            DataFile(Path(table_uri(BRONZE), row["path"]), rows=row["num_records"], size=row["size_bytes"])
            for row in named
        ]
        commit = Commit("shop/sales/files", number)
        assert not commit_files(BRONZE, again, shop.table().bronze_schema(), commit=commit)
    assert table_version(BRONZE) == version
    assert reconcile(shop, delivered).is_sound


def test_every_file_delivered_again_adds_no_row(
    shop: Shop, tables_stay: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH_BYTES", 1)  # a batch for each file
    delivered = Delivered()
    for day in range(4):
        deliver(shop, delivered, day)
    shop.land()
    tables_stay()
    for path in sorted(shop.folder.glob("*.jsonl")):
        (shop.folder / f"again-{path.name}").write_bytes(path.read_bytes())
    shop.land()
    tables_stay()
    shop.land(full_refresh=True)
    tables_stay()
    print("files: 4 batches delivered again and read again, row delta 0")


def test_every_batch_of_a_database_read_again_adds_no_row(
    shop: Shop, database: Database, tables_stay: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "BATCH_ROWS", 5)
    for hour in range(4):
        database.add_all(range(10 * hour, 10 * hour + 7), at(hour))
        database.add(10 * hour + 8, at(hour), channel="fax")
    shop.land()
    tables_stay()
    for _ in range(2):
        shop.land(full_refresh=True)
        tables_stay()
    # A database restored to an older state and grown again to the same rows.
    with closing(sqlite3.connect(database.path)) as connection, connection:
        rows = connection.execute("select * from sales").fetchall()
        connection.execute("delete from sales")
        connection.executemany(f"insert into sales values ({', '.join('?' * len(rows[0]))})", rows)
    shop.land()
    tables_stay()
    print("SQLite: every batch read again twice and after a restore, row delta 0")


def test_every_page_of_an_api_read_again_adds_no_row(shop: Shop, api: Api, tables_stay: Callable[[], None]) -> None:
    api.rows = [sale(n) for n in range(30)] + [sale(n, channel="fax") for n in range(30, 35)]
    shop.land()
    tables_stay()
    for _ in range(2):
        shop.land(full_refresh=True)
        tables_stay()
    print("REST: every page read again twice, row delta 0")

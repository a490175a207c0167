"""PostgreSQL is cut off in the middle of landing and comes back: nothing is lost, nothing comes twice."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from infra.services.processes import Process, ServiceError
from ingestion.connectors.databases import dialects, postgres_changes, sql
from ingestion.landing import batches
from ingestion.landing.land import has_new
from tests.landing_lake import Shop
from tests.landing_postgresql import Database, at, database, needs_postgresql, postgresql

__all__ = ["database", "postgresql"]
pytestmark = needs_postgresql

#: Where the server is cut: at a named step of landing, or while its rows stream.
POINTS = (*batches.CRASH_POINTS, "stream")
ROWS = 400
_PATIENCE_SECONDS = 30.0
ROUNDS = [4, pytest.param(40, marks=pytest.mark.prove)]


def come_back(server: Process) -> None:
    """Start the server again; what a killed one leaves in shared memory goes a moment after it."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            server.start()
            return
        except ServiceError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def cut(patch: pytest.MonkeyPatch, server: Process, point: str, nth: int) -> None:
    """Kill the server when landing reaches a point the nth time."""
    left = [nth]

    def reached(name: str) -> None:
        left[0] -= name == point
        if left[0] < 0 and name == point:
            server.kill()

    readable: Callable[..., Iterator[pa.RecordBatch]] = dialects.PostgreSql._readable

    def streamed(self: dialects.PostgreSql, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for rows in readable(self, reader):
            yield rows
            reached("stream")

    patch.setattr(batches, "crash_point", reached)
    patch.setattr(dialects.PostgreSql, "_readable", streamed)


def change(database: Database, draw: random.Random, day: int, *, with_deletes: bool) -> int:
    """A day of the source: new rows, changed ones, deleted ones; returns how many rows were written or deleted."""
    database.add_all(range(day * ROWS, (day + 1) * ROWS), at(9, day % 60))
    numbers = [f"S{n}" for n in draw.sample(range((day + 1) * ROWS), 20)]
    with database.transaction() as connection:
        changed = connection.execute(
            "update sales set pieces = mod(pieces, 90) + 1,"
            " updated_at = %s::timestamptz + random() * interval '1 second' where sale_id = any(%s)",
            [at(10, day % 60), numbers],
        ).rowcount
        if with_deletes:
            changed += connection.execute("delete from sales where sale_id = any(%s)", [numbers[:5]]).rowcount
    return ROWS + changed


def land_through_cuts(shop: Shop, database: Database, rounds: int, *, with_deletes: bool) -> tuple[int, int]:
    """Land over and over while the server is cut; returns how many rows the source wrote, and how many runs failed."""
    draw = random.Random(rounds)
    server = database.services.processes["postgresql"]
    failed = written = 0
    for day in range(rounds):
        written += change(database, draw, day, with_deletes=with_deletes)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sql, "BATCH_ROWS", ROWS // 3)
            patch.setattr(postgres_changes, "BATCH_CHANGES", ROWS // 3)
            cut(patch, server, POINTS[day % len(POINTS)] if day else "stream", draw.randrange(2))
            try:
                result = shop.land()
                failed += result.error is not None
                assert result.error is None or "127.0.0.1" in result.error, result.error
            finally:
                server.kill()
                come_back(server)
    result = shop.land()
    assert result.error is None, result.error
    assert not has_new("shop")
    return written, failed


def newest(shop: Shop, columns: str = "false") -> list[tuple[Any, ...]]:
    """What lives in bronze, read as the staging models read it."""
    versions = sorted(shop.rows(f"known_at, updated_at, sale_id, pieces, {columns}"))
    best = {sale_id: (pieces, is_deleted) for _, _, sale_id, pieces, is_deleted in versions}
    return sorted((sale_id, pieces) for sale_id, (pieces, is_deleted) in best.items() if not is_deleted)


def in_source(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return sorted(connection.execute("select sale_id, pieces from sales").fetchall())


@pytest.mark.parametrize("rounds", ROUNDS)
def test_server_cut_while_it_is_read_by_watermark(shop: Shop, database: Database, rounds: int) -> None:
    written, failed = land_through_cuts(shop, database, rounds, with_deletes=False)
    rows = shop.rows("sale_id, pieces, updated_at")
    lost = set(in_source(database)) - set(newest(shop))
    doubled = len(rows) - len(set(rows))
    counts = shop.counts()
    print(f"watermark: {rounds} cuts, {failed} runs failed, {written} rows written, {counts.landed} versions landed,"
          f" {len(lost)} lost, {doubled} duplicated")  # fmt: skip
    assert failed > 0
    assert (len(lost), doubled, counts.doubled) == (0, 0, 0)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_server_cut_while_its_log_is_read(shop: Shop, database: Database, rounds: int) -> None:
    shop.document["servers"][0]["customProperties"] = [{"property": "replication", "value": "logical"}]
    shop.document["schema"][0]["customProperties"].append({"property": "deletes", "value": "compare"})
    shop.declare()
    database.run("alter table sales replica identity full")
    assert shop.land().error is None  # the slot is there before the first change
    written, failed = land_through_cuts(shop, database, rounds, with_deletes=True)
    counts = shop.counts()
    print(f"log: {rounds} cuts, {failed} runs failed, {written} changes written, {counts.landed} landed,"
          f" {written - counts.landed} lost, {counts.doubled} duplicated")  # fmt: skip
    assert failed > 0
    assert newest(shop, "is_deleted") == in_source(database)
    assert (counts.received, counts.landed, counts.doubled) == (written, written, 0)

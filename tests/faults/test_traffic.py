"""Many at once on one table: 8 appenders; a writer, compaction, vacuum and readers. Nothing is lost or out of reach."""

import time
from pathlib import Path

import pytest

from lake.sql.connections import connect
from lake.tables import open_table, table_version
from tests.faults import children, traffic
from tests.faults.traffic import ROWS, TABLE, Findings, judge


def everything() -> list[tuple[int, int]]:
    with connect() as connection:
        return traffic.read(connection, "duckdb")


def test_eight_appenders_at_once_lose_nothing(home: Path) -> None:
    appenders, batches = 8, 12
    started = time.monotonic()
    running = [children.start(traffic.append_batches, number, batches, 60.0) for number in range(appenders)]
    assert [child.end() for child in running] == [0] * appenders
    seconds = time.monotonic() - started
    rows = everything()
    assert judge(rows) == Findings(0, 0)
    assert len(rows) == appenders * batches * ROWS
    assert table_version(TABLE) == appenders * batches - 1
    table = open_table(TABLE)
    assert table is not None
    assert {table.transaction_version(f"writer-{number}") for number in range(appenders)} == {batches - 1}
    rate = appenders * batches / seconds
    print(f"{appenders} appenders, {appenders * batches} commits, {rate:.0f} commits/s: 0 lost, 0 duplicated, 0 errors")


@pytest.mark.parametrize("seconds", [8, pytest.param(300, marks=pytest.mark.prove)])
def test_readers_miss_no_file_while_a_writer_compaction_and_vacuum_are_at_work(
    home: Path, tmp_path: Path, seconds: int
) -> None:
    with connect() as connection:
        traffic.append_batch(connection, 0, 0)
    writers = [children.start(traffic.append_batches, number, 10**6, float(seconds)) for number in (1, 2)]
    maintained = str(tmp_path / "maintained")
    maintainer = children.start(traffic.maintain_again_and_again, float(seconds), maintained)
    reports = {engine: str(tmp_path / engine) for engine in ("duckdb", "delta-rs")}
    readers = [
        children.start(traffic.read_again_and_again, engine, float(seconds), report)
        for engine, report in reports.items()
    ]
    assert [child.end(seconds + 60) for child in (*writers, maintainer, *readers)] == [0] * 5
    seen = traffic.seen_by_readers([*reports.values(), maintained])
    table = open_table(TABLE)
    assert table is not None
    committed = 1 + sum((table.transaction_version(f"writer-{number}") or 0) + 1 for number in (1, 2))
    rows = everything()
    print(f"{seconds} s: {committed} batches, {table.version()} versions, {len(table.file_uris())} files; {dict(seen)}")
    assert (seen["missing-file reads"], seen["lost"], seen["doubled"]) == (0, 0, 0)
    assert seen["reads"] > seconds
    assert min(seen["compacted"], seen["vacuumed"]) > 0
    assert judge(rows) == Findings(0, 0)
    assert len(rows) == committed * ROWS

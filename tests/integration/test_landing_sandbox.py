"""The nine simulated systems: what lands reconciles with the truth to the row, reason by reason, day after day."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from contracts.contract_file import discover_sources
from infra.sandbox import survey_api, world
from infra.sandbox.truth import reconcile
from ingestion.landing.land import counters, has_new, land_source
from ingestion.quarantine.records import list_rejected
from lake.sql.connections import connect
from lake.tables import list_tables, scan, table_version
from tests.lake_context import lake_settings, opened

PERSONS, DAYS = 120, 30


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A landed sandbox, its survey API up."""
    home = tmp_path_factory.mktemp("sandbox_lake")
    with opened(lake_settings(home)) as patch:
        root = home / "sandbox"
        world.create(root, persons=PERSONS, days=DAYS)
        with survey_api.serve(root) as url:
            patch.setenv("LAKE_SOURCE_VOICE_OF_CUSTOMER_URL", url)
            land_all()
            yield root


def land_all() -> None:
    results = [land_source(source) for source in discover_sources()]
    assert [result.error for result in results] == [None] * len(results)


def reasons(root: Path) -> Counter[tuple[str, str, str]]:
    query = "select source, entity, reason from read_parquet(?)"
    return Counter(duckdb.execute(query, [str(root / "truth" / "bad_rows.parquet")]).fetchall())


def test_rows_reconcile_with_the_truth_and_every_bad_row_has_its_reason(sandbox: Path) -> None:
    assert reconcile.differences(sandbox, counters()).to_pylist() == []
    assert Counter((r.source, r.entity, r.reason) for r in list_rejected()) == reasons(sandbox)


def test_rejected_records_know_where_they_stood(sandbox: Path) -> None:
    without = {r.source for r in list_rejected() if r.source_position is None}
    assert without <= {"crm", "orders", "contact_centre", "voice_of_customer"}  # rows and pages have no line


def test_every_row_of_bronze_has_what_landing_adds(sandbox: Path) -> None:
    with connect() as connection:
        for name in list_tables("bronze"):
            query = f"""select count(*) - count(record_id) + count(*) - count(known_at) + count(*) - count(landed_at)
                + count(*) - count(batch_id) + count(*) - count(source_file) + count(*) - count(content_hash)
                + count(*) - count(distinct content_hash) from {scan(name)}"""
            assert connection.execute(query).fetchall() == [(0,)], name


def test_idle_landing_makes_no_version_and_the_days_after_reconcile_too(sandbox: Path) -> None:
    tables = {name: table_version(name) for name in list_tables()}
    assert not [source for source in discover_sources() if has_new(source)]
    land_all()
    assert {name: table_version(name) for name in list_tables()} == tables
    world.advance(sandbox, days=3)
    assert [source for source in discover_sources() if has_new(source)]
    land_all()
    assert reconcile.differences(sandbox, counters()).to_pylist() == []
    assert Counter((r.source, r.entity, r.reason) for r in list_rejected()) == reasons(sandbox)

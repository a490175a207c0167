"""Commits in S3 whose answers are lost on the line: the client's own second try finds its first one, and it counts."""

from pathlib import Path

import pytest

from contracts.settings import reset_settings
from infra.services import object_store
from infra.services.processes import free_port
from lake.tables import table_version
from tests.faults import children, cut_line
from tests.faults.reconcile import Delivered, reconcile
from tests.faults.test_landing_crash import BRONZE, deliver
from tests.landing_lake import Shop


def test_commit_whose_answer_the_line_lost_counts_once(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered, batches = Delivered(), 2
    port, report = free_port(), tmp_path / "cut"
    with object_store.running() as store:
        bucket = object_store.make_bucket(store, "lake")
        line = children.start(cut_line.serve, port, store, str(report))
        try:
            for name, value in object_store.environment(f"http://127.0.0.1:{port}").items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("LAKE_DELTA_ROOT", f"{bucket}/delta")
            reset_settings()
            for day in range(batches):
                deliver(shop, delivered, day)
                assert shop.land().error is None
            verdict = reconcile(shop, delivered)
            assert table_version(BRONZE) == batches - 1
        finally:
            line.kill_after(0)
    print(f"S3: the answers of {report.read_text()} commits cut off on the line, {batches} batches landed: {verdict}")
    assert verdict.is_sound
    assert int(report.read_text()) >= batches

"""A system that a replayed world lacks is absent; one that is out of reach has failed, with a cure."""

import shutil
from pathlib import Path

from ingestion.landing.land import has_new
from tests.landing_lake import Shop, sale


def test_system_that_a_world_lacks_is_absent_and_brings_nothing(shop: Shop) -> None:
    shutil.rmtree(shop.folder.parent)
    result = shop.land()
    assert (result.state, result.error, result.counts.received) == ("absent", None, 0)
    assert [entity.entity for entity in result.entities] == ["sales"]
    assert not has_new("shop")


def test_source_that_has_delivered_before_is_never_absent(shop: Shop) -> None:
    shop.deliver("2026-06-30.jsonl", [sale(1)])
    assert shop.land().state == "landed"
    shutil.rmtree(shop.folder.parent)
    result = shop.land()
    assert result.state == "failed"
    assert result.cure
    assert shop.counts().landed == 1


def test_companys_own_sources_are_out_of_reach_not_absent(shop: Shop, home: Path) -> None:
    """Only a world that is replayed has a clock next to its systems."""
    (home / "sandbox" / "clock.json").unlink()
    shutil.rmtree(shop.folder.parent)
    assert shop.land().state == "failed"


def test_folder_without_files_is_idle_not_absent(shop: Shop) -> None:
    assert shop.land().state == "idle"

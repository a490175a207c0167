"""Public data in lakes of their own: made once per session from installed packages, landed by the real landing."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from contracts.contract_file import discover_sources
from infra.worlds import create_world
from ingestion.landing.land import land_source
from ingestion.landing.results import SourceResult
from tests.lake_context import lake_settings, opened


class RealLake:
    """A lake that holds one world. `open()` makes it the lake of this process; `results` is what landing said."""

    def __init__(self, world: str, home: Path) -> None:
        self.home = home
        create_world(world, self.sources)
        with self.open():
            self.results: dict[str, SourceResult] = {source: land_source(source) for source in discover_sources()}

    @property
    def sources(self) -> Path:
        return self.home / "sandbox"

    def open(self) -> AbstractContextManager[pytest.MonkeyPatch]:
        return opened(lake_settings(self.home))


@pytest.fixture(scope="session")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> RealLake:
    return RealLake("cdnow", tmp_path_factory.mktemp("cdnow") / "lake")


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> RealLake:
    return RealLake("complete-journey", tmp_path_factory.mktemp("journey") / "lake")

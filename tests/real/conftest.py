"""Public data in lakes of their own: made once per session from installed packages, landed by the real landing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from infra.worlds import create_world
from ingestion.contract import discover_sources
from ingestion.landing import land_source
from ingestion.result import SourceResult
from lake.settings import reset_settings

Lake = Callable[[], AbstractContextManager[Path]]


@contextmanager
def lake_at(home: Path) -> Iterator[Path]:
    """The settings of a lake, and those of before again afterwards."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LAKE_HOME", str(home))
        environment.setenv("LAKE_TOKEN_KEY_FILE", str(home.parent / f"{home.name}.token.key"))
        for name in ("LAKE_NOW", "LAKE_SOURCE_ROOT", "LAKE_DELTA_ROOT", "LAKE_SERVICES"):
            environment.delenv(name, raising=False)
        reset_settings()
        try:
            yield home
        finally:
            environment.undo()
            reset_settings()


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

    def open(self) -> AbstractContextManager[Path]:
        return lake_at(self.home)


@pytest.fixture(scope="session")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> RealLake:
    return RealLake("cdnow", tmp_path_factory.mktemp("cdnow") / "lake")


@pytest.fixture(scope="session")
def journey(tmp_path_factory: pytest.TempPathFactory) -> RealLake:
    return RealLake("complete-journey", tmp_path_factory.mktemp("journey") / "lake")

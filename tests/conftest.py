"""What tests share. `small_lake` is made once per session by the real commands; unit tests cannot have it.

`make test` runs several workers (pytest-xdist), each with files of its own to test. What is dear is made by the one
that needs it first, and the others take a copy: nobody reads a lake in which somebody else is at work.
"""

from pathlib import Path

import pytest

import features.tables  # noqa: F401  declares the feature tables, which dbt writes
from tests.brokers import kafka_broker, mqtt_broker
from tests.made_once import made_once
from tests.small_lake import SmallLake, make

__all__ = ["kafka_broker", "mqtt_broker"]

_UNIT = Path(__file__).parent / "unit"
_PIPELINE = {"small_lake", "lake_copy"}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A folder is a cost: `unit` never waits for a pipeline run."""
    wanted = _PIPELINE & set(getattr(item, "fixturenames", ()))
    if wanted and _UNIT in item.path.parents:
        pytest.fail(f"a unit test asks for {', '.join(sorted(wanted))}; move it to tests/integration", pytrace=False)


@pytest.fixture(scope="session")
def small_lake(tmp_path_factory: pytest.TempPathFactory) -> SmallLake:
    """A lake of 300 persons and 60 days after its first run. Read it; to change it take `lake_copy`.

    The first worker has the lake itself; in a copy, which lies elsewhere, the first dbt call parses all again (10 s).
    """
    folder = made_once(tmp_path_factory, "small-lake", _make_small_lake)
    key = folder / "token.key"
    try:
        (folder / "is-taken").touch(exist_ok=False)
    except FileExistsError:
        return SmallLake(folder / "untouched", key).copy(tmp_path_factory.mktemp("small_lake") / "home")
    return SmallLake(folder / "home", key)


def _make_small_lake(folder: Path) -> None:
    make(folder / "home", folder / "token.key").copy(folder / "untouched")


@pytest.fixture
def lake_copy(small_lake: SmallLake, tmp_path: Path) -> SmallLake:
    """A lake of its own for a test that changes it."""
    return small_lake.copy(tmp_path / "home")

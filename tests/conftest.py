"""What tests share. `small_lake` is made once per session by the real commands; unit tests cannot have it."""

import fcntl
from pathlib import Path

import pytest

from tests.brokers import kafka_broker, mqtt_broker
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
def small_lake(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> SmallLake:
    """A lake of 300 persons and 60 days after its first run. Read it; to change it take `lake_copy`."""
    is_distributed = hasattr(request.config, "workerinput")
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if is_distributed else base) / "small-lake"
    folder.mkdir(exist_ok=True)
    home, key, made = folder / "home", folder / "token.key", folder / "made"
    with (folder / "lock").open("w") as lock:  # the workers of xdist share one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            return SmallLake(home, key)
        lake = make(home, key)
        made.touch()
        return lake


@pytest.fixture
def lake_copy(small_lake: SmallLake, tmp_path: Path) -> SmallLake:
    """A lake of its own for a test that changes it."""
    return small_lake.copy(tmp_path / "home")

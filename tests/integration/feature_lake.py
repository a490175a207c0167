"""A lake with feature tables for the tests of features: made once in a session, copied by each file of tests."""

import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from features.build import build_features
from lake.sql.connections import connect
from lake.tables import scan
from tests.integration import small_bronze
from tests.lake_context import lake_settings, opened
from tests.made_once import made_once

Rows = dict[tuple[str, str], list[small_bronze.Row]]


def copied_lake(factory: pytest.TempPathFactory) -> tuple[Path, Rows]:
    """A lake of one's own with bronze, links and the first run's feature tables; and the rows of bronze."""
    made = made_once(factory, "feature-lake", _make)
    home = factory.mktemp("features") / "home"
    shutil.copytree(made / "home", home)
    return home, pickle.loads((made / "rows.pickle").read_bytes())


def _make(folder: Path) -> None:
    with lake_at(folder / "home"):
        rows = small_bronze.make()
        build_features()
    (folder / "rows.pickle").write_bytes(pickle.dumps(rows))


@contextmanager
def lake_at(home: Path, now: datetime = small_bronze.NOW) -> Iterator[None]:
    """Settings that point to `home`, with `now` as its present moment."""
    with opened(lake_settings(home, now=now)) as patch:
        patch.setattr("features.configuration.FEATURE_REPO", home)
        yield


def read(table: str, columns: str = "*") -> pd.DataFrame:
    """A Delta table as a frame."""
    with connect() as connection:
        return connection.sql(f"select {columns} from {scan(table)}").df()

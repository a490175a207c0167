"""One lake with feature tables for all tests of features, made once per process below pytest's folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import pandas as pd

from dbt_project.runner import run_dbt
from lake.duck import connect
from lake.tables import scan
from tests.integration import small_bronze
from tests.lake_context import lake_settings, opened


@cache
def made_at(home: Path) -> dict[tuple[str, str], list[small_bronze.Row]]:
    """Bronze, links and the first run's feature tables under `home`; returns the rows of bronze."""
    rows = small_bronze.make()
    run_dbt("run", select="path:models/features")
    return rows


@contextmanager
def lake_at(home: Path, now: datetime = small_bronze.NOW) -> Iterator[None]:
    """Settings that point to `home`, with `now` as its present moment."""
    with opened(lake_settings(home, now=now)) as patch:
        patch.setattr("feature_serving.configuration.FEATURE_REPO", home)
        yield


def read(table: str, columns: str = "*") -> pd.DataFrame:
    """A Delta table as a frame."""
    with connect() as connection:
        return connection.sql(f"select {columns} from {scan(table)}").df()

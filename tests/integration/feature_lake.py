"""One lake with feature tables for all tests of features, made once per process below pytest's folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from dbt_project.runner import run_dbt
from lake.duck import connect
from lake.settings import reset_settings
from lake.tables import scan
from tests.integration import small_bronze


@cache
def made_at(home: Path) -> dict[tuple[str, str], list[small_bronze.Row]]:
    """Bronze, links and the first run's feature tables under `home`; returns the rows of bronze."""
    rows = small_bronze.make()
    run_dbt("run", select="path:models/features")
    return rows


@contextmanager
def lake_at(home: Path, now: datetime = small_bronze.NOW) -> Iterator[None]:
    """Settings that point to `home`, with `now` as its present moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKE_HOME", str(home))
        patch.setenv("LAKE_TOKEN_KEY_FILE", str(home / "token.key"))
        patch.setenv("LAKE_NOW", now.isoformat())
        patch.setattr("feature_serving.configuration.FEATURE_REPO", home)
        reset_settings()
        try:
            yield
        finally:
            reset_settings()


def read(table: str, columns: str = "*") -> pd.DataFrame:
    """A Delta table as a frame."""
    with connect() as connection:
        return connection.sql(f"select {columns} from {scan(table)}").df()

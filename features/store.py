"""Keeps the feature store current: its configuration, its registry, its online values.

`apply` and `materialize` are plain functions; each asks first whether anything changed and only then imports Feast
(11 s cold), so that an idle run stays quick. Reading is Feast's own: nothing here is on that path.
"""

import contextlib
import hashlib
import io
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import orjson

from features.catalogue import FeatureGroup, served_groups
from features.configuration import feast_home, write_configuration
from features.declarations import MODELS_ROOT
from lake.sql.connections import connect, extension
from lake.tables import scan, table_version

if TYPE_CHECKING:
    from feast import FeatureStore

#: The modules that decide what Feast's registry holds.
_REGISTERED_BY = ("aggregations.py", "catalogue.py", "declarations.py", "feast_definitions.py")


@dataclass(frozen=True)
class AppliedStore:
    """What `apply` found or made. `changed` is false where the registry was current already."""

    changed: bool
    views: int
    features: int


@dataclass(frozen=True)
class MaterializedView:
    """One view whose newest snapshot went online."""

    view: str
    event_timestamp: datetime
    table_version: int


def open_store() -> "FeatureStore":
    """The feature store of this LAKE_HOME, as `FeatureStore(repo_path="feature_repo")` opens the default one."""
    install_delta_extension()
    from feast import FeatureStore

    return FeatureStore(repo_path=str(feast_home()))


def apply() -> AppliedStore:
    """Bring configuration and registry to what is declared; objects no longer declared are removed.

    Nothing is imported or written where neither the declarations nor the tables' places and columns changed.
    """
    groups = served_groups()
    size = AppliedStore(True, len(groups), sum(len(group.features) for group in groups))
    digest = _digest(groups, write_configuration())
    state = _State.read()
    if state.applied == digest and (feast_home() / "registry.db").exists():
        return AppliedStore(False, size.views, size.features)
    from features.feast_definitions import feast_objects

    store = open_store()
    wanted: list[Any] = list(feast_objects())
    names = {(type(thing).__name__, thing.name) for thing in wanted}
    registered: list[Any] = [
        *store.list_feature_services(),
        *store.list_feature_views(),
        *store.list_data_sources(),
        *store.list_entities(),
    ]
    kept_sources = {f"{group.name}_table" for group in groups}
    gone = [
        thing
        for thing in registered
        if (type(thing).__name__, thing.name) not in names
        and thing.name not in kept_sources
        and not thing.name.startswith("__")  # Feast's own
    ]
    with _quietly():
        store.apply(wanted, objects_to_delete=gone, partial=False)
    _let_readers_read_while_written()
    _State(digest, state.materialized).write()
    return size


def materialize() -> list[MaterializedView]:
    """Put the newest snapshot of every feature table that changed online; returns the views that were written.

    Online is what holds now, so only the newest snapshot is read, however much history was added.
    """
    apply()
    state = _State.read()
    # The version before the rows: what is written meanwhile is seen next time, never missed.
    versions = {group: version for group in served_groups() if (version := table_version(group.table)) is not None}
    changed = {group: version for group, version in versions.items() if state.materialized.get(group.name) != version}
    newest = _newest_snapshots(changed)
    if not newest:
        return []
    store = open_store()
    written = []
    for group, moment in newest.items():
        with _quietly():
            store.materialize(start_date=moment, end_date=moment, feature_views=[group.name])
        state.materialized[group.name] = changed[group]
        state.write()
        written.append(MaterializedView(group.name, moment, changed[group]))
    return written


def install_delta_extension() -> None:
    """Give this user's DuckDB the packaged delta extension, from the file, once.

    Feast's DuckDB store says `INSTALL delta` on a connection of its own making, which downloads where DuckDB does not
    have the extension already; installed here, the same words find it and nothing is called.
    """
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"install '{extension('delta')}'")


def _let_readers_read_while_written() -> None:
    """Write-ahead logging is a property of the SQLite file: a feature server goes on answering during a run."""
    with contextlib.closing(sqlite3.connect(feast_home() / "online.db")) as online:
        online.execute("pragma journal_mode = wal")


def _newest_snapshots(groups: Iterable[FeatureGroup]) -> dict[FeatureGroup, datetime]:
    """The newest snapshot of every table that has one."""
    newest: dict[FeatureGroup, datetime] = {}
    with connect() as connection:
        for group in groups:
            row = connection.execute(f"select max(event_timestamp) from {scan(group.table)}").fetchone()
            if row and row[0] is not None:
                newest[group] = row[0]
    return newest


def _digest(groups: list[FeatureGroup], configured: str) -> str:
    """Changes when a declaration, the code that reads it, or the place or the columns of a table do."""
    columns = [feature.name for group in groups for feature in group.features]
    digest = hashlib.sha256(orjson.dumps([configured, columns]))
    code = [Path(str(files("features"))) / name for name in _REGISTERED_BY]
    for path in [*sorted(MODELS_ROOT.glob("**/*.yml")), *code]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


@dataclass
class _State:
    """What is in the registry and online already; kept beside them, so that it is deleted with them."""

    applied: str | None
    materialized: dict[str, int]

    @staticmethod
    def read() -> "_State":
        path = feast_home() / "state.json"
        if not path.exists():
            return _State(None, {})
        held = orjson.loads(path.read_bytes())
        return _State(held["applied"], held["materialized"])

    def write(self) -> None:
        beside = feast_home() / f"state.json.{os.getpid()}"
        beside.write_bytes(orjson.dumps({"applied": self.applied, "materialized": self.materialized}))
        beside.rename(feast_home() / "state.json")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Feast prints and draws bars; what a command prints is the command's own (`--json`)."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield

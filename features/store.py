"""Keeps the feature store current: its configuration, its registry, its online values.

`apply` and `materialize` are plain functions. Each checks first whether anything changed and only then imports Feast
(11 s cold), so that an idle run stays quick. Readers call Feast alone; nothing here is on their path.
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
    """What the registry holds after `apply`. `changed` is false where it was current already."""

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
    """Make configuration and registry equal to what is declared; objects no longer declared are removed.

    Nothing is imported or written where neither the declarations nor the tables' places and columns changed.
    """
    groups = served_groups()
    features = sum(len(group.features) for group in groups)
    digest = _digest(groups, write_configuration())
    state = _State.read()
    if state.applied == digest and (feast_home() / "registry.db").exists():
        return AppliedStore(changed=False, views=len(groups), features=features)
    from features.feast_definitions import feast_objects

    store = open_store()
    declared: list[Any] = list(feast_objects())
    names = {(type(declaration).__name__, declaration.name) for declaration in declared}
    registered: list[Any] = [
        *store.list_feature_services(),
        *store.list_feature_views(),
        *store.list_data_sources(),
        *store.list_entities(),
    ]
    sources = {f"{group.name}_table" for group in groups}
    undeclared = [
        entry
        for entry in registered
        if (type(entry).__name__, entry.name) not in names
        and entry.name not in sources
        and not entry.name.startswith("__")  # Feast's own
    ]
    with _quietly():
        store.apply(declared, objects_to_delete=undeclared, partial=False)
    _allow_reads_during_writes()
    _State(digest, state.materialized).write()
    return AppliedStore(changed=True, views=len(groups), features=features)


def materialize() -> list[MaterializedView]:
    """Write the newest snapshot of every feature table that changed to the online store.

    The online store holds present values, so only the newest snapshot is read, however much history was added.

    Returns:
        The views that were written.
    """
    apply()
    state = _State.read()
    # Versions are read before rows: what another process writes in between is seen next time, never missed.
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

    Feast's DuckDB store runs `INSTALL delta` on a connection of its own, which downloads the extension where DuckDB
    does not have it. Once it is installed from the file, the same statement calls nothing outside.
    """
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"install '{extension('delta')}'")


def _allow_reads_during_writes() -> None:
    """Set write-ahead logging, a property of the SQLite file: a feature server goes on answering during a run."""
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
    """What the registry and the online store hold; a file in their folder, so that it is deleted with them."""

    applied: str | None
    materialized: dict[str, int]

    @staticmethod
    def read() -> "_State":
        path = feast_home() / "state.json"
        if not path.exists():
            return _State(None, {})
        state = orjson.loads(path.read_bytes())
        return _State(state["applied"], state["materialized"])

    def write(self) -> None:
        temporary_file = feast_home() / f"state.json.{os.getpid()}"
        temporary_file.write_bytes(orjson.dumps({"applied": self.applied, "materialized": self.materialized}))
        temporary_file.rename(feast_home() / "state.json")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Suppress what Feast prints and its progress bars: a command's output is its own (`--json`)."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield

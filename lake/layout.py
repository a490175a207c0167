"""The lake's layout version (ADR 9): an older lake is migrated or refused with the cure, never misread.

The version is the only row of `ops/layout`. Raise `LAYOUT` when the meaning or place of a table changes in a way
older code would misread, and give `MIGRATIONS` the step from the version before.
"""

import tempfile
from collections.abc import Callable

import pyarrow as pa

from contracts.errors import LakeError
from contracts.settings import SettingsError, load_settings
from lake import writer
from lake.tables import list_tables, open_table

TABLE = "ops/layout"
LAYOUT = 2
#: Steps by the version they start from; each leaves the lake one version newer.
MIGRATIONS: dict[int, Callable[[], None]] = {}


class LayoutError(LakeError):
    """The lake was written by another version of the project."""


def ensure() -> int:
    """Check that the lake can be written and has this code's layout; mark a new lake, migrate an older one.

    Raises:
        SettingsError: the disk path cannot be written.
        LayoutError: the lake is newer than this code, or too old to migrate.
    """
    ensure_writable()
    found = layout_version()
    if found is None:
        if list_tables("bronze"):
            raise LayoutError(
                f"the lake under {load_settings().home} has tables but no layout version",
                cure="set LAKE_HOME to another folder, or delete this one and land again",
            )
        _write(LAYOUT)
        return LAYOUT
    if found > LAYOUT:
        raise LayoutError(
            f"the lake has layout {found}, this code knows {LAYOUT}", cure="use the newer version of Customer Lake"
        )
    while found < LAYOUT:
        if found not in MIGRATIONS:
            raise LayoutError(
                f"the lake has layout {found}, which this code cannot migrate",
                cure="migrate it with the version of Customer Lake in between (see CHANGELOG, Upgrading)",
            )
        MIGRATIONS[found]()
        found += 1
        _write(found)
    return found


def layout_version() -> int | None:
    """The layout version of the lake, None where there is no lake yet."""
    table = open_table(TABLE)
    if table is None:
        return None
    versions = table.to_pyarrow_table().column("version").to_pylist()
    return int(versions[0]) if versions else None


def ensure_writable() -> None:
    """Check that files can be made where the lake keeps its state.

    Raises:
        SettingsError: names the path and why it cannot be written.
    """
    home = load_settings().home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise SettingsError(
            f"cannot write below {home}: {error.strerror}",
            cure="give this user write permission there (and free disk space), or set LAKE_HOME to another folder",
        ) from None


def _write(version: int) -> None:
    writer.overwrite(TABLE, pa.table({"version": pa.array([version], pa.int64())}))

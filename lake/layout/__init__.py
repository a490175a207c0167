"""The lake's layout version: an older lake is migrated or rejected with a cure, never misread (ADR 9, ADR 33).

The version is the only row of `ops/layout`. Whoever writes the lake calls `ensure`, which migrates; whoever only reads
it calls `require_readable`. Raise `LAYOUT` when a table changes in a way that older code would misread, or that this
code could not read, and add the step to `lake.layout.migrations`.
"""

import tempfile

import pyarrow as pa

from contracts.catalogue.tables import LAKE_LAYOUT
from contracts.errors import LakeError
from contracts.settings import SettingsError, load_settings
from lake import writer
from lake.crash_points import crash_point
from lake.layout.migrations import MIGRATIONS
from lake.tables import list_tables, open_table

LAYOUT = 3


class LayoutError(LakeError):
    """The lake was written by another version of the project."""


def ensure() -> int:
    """Check that the lake can be written and has this code's layout; mark a new lake, migrate an older one.

    Raises:
        SettingsError: the disk path cannot be written.
        LayoutError: the lake is newer than this code, or too old to migrate.
    """
    ensure_writable()
    version = layout_version()
    if version is None:
        if list_tables("bronze"):
            raise LayoutError(
                f"the lake under {load_settings().home} has tables but no layout version",
                cure="set LAKE_HOME to another folder, or delete this one and land again",
            )
        _write(LAYOUT)
        return LAYOUT
    _reject_newer(version)
    while version < LAYOUT:
        if version not in MIGRATIONS:
            raise LayoutError(
                f"the lake has layout {version}, which this code cannot migrate",
                cure="migrate it with the version of Customer Lake in between (see CHANGELOG, Upgrading)",
            )
        MIGRATIONS[version]()
        crash_point("migration.before_layout")
        version += 1
        _write(version)
    return version


def require_readable() -> None:
    """Check that this code can read the lake as it is; a place without a lake is fine.

    Raises:
        LayoutError: the lake has another layout.
    """
    version = layout_version()
    if version is None or version == LAYOUT:
        return
    _reject_newer(version)
    raise LayoutError(
        f"the lake has layout {version}, this code reads {LAYOUT}",
        cure="migrate it: stop whatever else uses it (lake up, lake stream), then `lake run`",
    )


def _reject_newer(version: int) -> None:
    if version > LAYOUT:
        raise LayoutError(
            f"the lake has layout {version}, this code knows {LAYOUT}", cure="use the newer version of Customer Lake"
        )


def layout_version() -> int | None:
    """The layout version of the lake, None where there is no lake yet."""
    table = open_table(LAKE_LAYOUT)
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
    writer.overwrite(LAKE_LAYOUT, pa.table({"version": pa.array([version], pa.int64())}))

"""Real public data, mapped into the systems' contracts, so that the same pipeline runs on it.

One module per data set, found by its `NAME`. `create(root)` writes a source root laid out as the sandbox's:
`<source>/…` as the contracts' embedded servers say, `clock.json` (the day after the last row) and `truth/`. A world
fills only the sources it has data for; the others are absent. Nothing is downloaded: the data come from packages of
the `real` extra. What is simulated lives in `infra.sandbox`, not here.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import LakeError

#: Called with each step: what is being written.
Progress = Callable[[str], None]


class WorldError(LakeError):
    """A world is unknown, or the package that holds its data is not installed."""

    exit_code = 2


@dataclass(frozen=True)
class World:
    """A real data set. `create(root, progress)` writes its source root; `summary` is its module's first line."""

    name: str
    summary: str
    create: Callable[..., None]


def discover_worlds() -> dict[str, World]:
    """All worlds there are, by name: every module of this package that has a `NAME`."""
    worlds = {}
    for module_info in pkgutil.iter_modules(__path__, f"{__name__}."):
        module = importlib.import_module(module_info.name)
        if hasattr(module, "NAME"):
            worlds[module.NAME] = World(module.NAME, (module.__doc__ or "").partition("\n")[0], module.create)
    return dict(sorted(worlds.items()))


def create_world(name: str, root: Path, progress: Progress | None = None) -> None:
    """Write the source root of the world called `name`.

    Raises:
        WorldError: there is no such world, or its data package is missing.
    """
    worlds = discover_worlds()
    if name not in worlds:
        raise WorldError(f"unknown world {name!r}", cure=f"use one of: {', '.join(worlds)}")
    worlds[name].create(root, progress=progress)

"""Parts that other packages add to the lake, found through entry points of what is installed; nothing is named here.

A group of entry points holds one kind of part: `customer_lake.worlds` (see `runs/worlds.py`) and `customer_lake.verbs`
(see `cli/__init__.py`). A lake for which nothing is installed has none, and works.
"""

from importlib.metadata import entry_points
from typing import Any

from contracts.errors import LakeError


class PlugInError(LakeError):
    """A part that is installed cannot be imported."""

    exit_code = 2


def load_plug_ins(group: str) -> dict[str, Any]:
    """The objects of a group by their names, in alphabetical order.

    Raises:
        PlugInError: one of them cannot be imported; names it, with the reason.
    """
    parts = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            parts[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            raise PlugInError(
                f"the plug-in {entry.name} of {group} cannot be loaded: {error}",
                cure="install the package that provides it again (`make setup` for the lake's own), or uninstall it",
            ) from None
    return parts

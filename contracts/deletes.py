"""What a contract says of rows that a source deletes (`deletes`), read and validated strictly.

`none` (the default): nothing; bronze keeps the last version as living. `soft`: a column of the row says it. `compare`:
the keys of the source are compared with those that live in bronze; with logical replication the log says it instead.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

#: The landing column that says so, in bronze tables of entities whose contract speaks of deletes.
IS_DELETED = "is_deleted"
MODES = ("none", "soft", "compare")
_OPTIONS: dict[str, set[str]] = {"none": set(), "soft": {"column"}, "compare": {"everyHours", "mostGonePercent"}}


@dataclass(frozen=True)
class Deletes:
    """How deletes are known.

    Attributes:
        column: soft: a boolean that is true, or a time that is there, where the row is deleted.
        every: compare: how long a comparison holds; zero for every run.
        most_gone: compare: the largest share of living keys that may go at once, from 0 to 1.
    """

    mode: str = "none"
    column: str | None = None
    every: timedelta = timedelta(0)
    most_gone: float = 0.2

    @property
    def are_known(self) -> bool:
        """Whether bronze says of each version if it is a delete."""
        return self.mode != "none"


def parse_deletes(value: Any, types: dict[str, str]) -> Deletes | None:
    """What the property says, a mode or a mapping with `mode` and its options; None where it cannot be used.

    Args:
        types: logical types of the entity's columns by name.
    """
    options: Any = {"mode": value} if isinstance(value, str) else value
    if not isinstance(options, dict) or options.get("mode") not in MODES:
        return None
    mode = options["mode"]
    if set(options) - {"mode"} - _OPTIONS[mode]:
        return None
    if mode == "soft" and types.get(options.get("column", "")) not in ("boolean", "timestamp", "date"):
        return None
    has_own = types.get(IS_DELETED) == "boolean" and options.get("column") == IS_DELETED
    if mode != "none" and IS_DELETED in types and not has_own:
        return None
    hours, percent = options.get("everyHours", 0), options.get("mostGonePercent", 20)
    if not (_is_number(hours) and hours >= 0 and _is_number(percent) and 0 < percent <= 100):
        return None
    return Deletes(mode, column=options.get("column"), every=timedelta(hours=hours), most_gone=percent / 100)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""What a landing table knows of its own past: cursors and counters, kept in its Delta commits (ADR 3).

One JSON document under one metadata key rides in the same commit as the rows it describes, so that a crash can
never part the two. The newest commit that carries the key holds; commits without it (compaction, erasure) are
passed over, and maintenance writes it again before old logs are cleaned away.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from deltalake import DeltaTable

from lake.tables import open_table

STATE_KEY = "lake.state"
_LOOK_BACK = (1, 20, None)  # the newest commit nearly always has it; reading the whole history costs a file each


class Counted(Protocol):
    """Counts of an entity since the lake began; received = landed + quarantined + doubled (exact duplicates)."""

    @property
    def source(self) -> str: ...
    @property
    def entity(self) -> str: ...
    @property
    def received(self) -> int: ...
    @property
    def landed(self) -> int: ...
    @property
    def quarantined(self) -> int: ...
    @property
    def doubled(self) -> int: ...


def state_of(table: DeltaTable | None) -> dict[str, Any]:
    """The state in the newest commit that carries one; empty where there is none."""
    return next(_states(table), {})


def read_state(name: str) -> dict[str, Any]:
    """The state of a table by name; empty where the table has not been made."""
    return state_of(open_table(name))


def in_newest_commit(table: DeltaTable) -> bool:
    """Whether the table's newest commit carries its state."""
    return any(STATE_KEY in commit for commit in table.history(1))


def as_metadata(state: Mapping[str, Any]) -> dict[str, str]:
    """Commit metadata that holds a state."""
    return {STATE_KEY: json.dumps(state, separators=(",", ":"), sort_keys=True)}


def _states(table: DeltaTable | None) -> Iterator[dict[str, Any]]:
    if table is None:
        return
    for limit in _LOOK_BACK:
        newest: int | None = None
        for commit in table.history(limit):
            if newest is not None and commit["version"] > newest:
                continue  # undone by a later restore
            if commit["operation"] == "RESTORE":
                newest = int(commit["operationParameters"]["version"])
            elif STATE_KEY in commit:
                yield json.loads(commit[STATE_KEY])
                return

"""A lake as the lake of the test's own process, for the body of a `with`; afterwards all is as it was before."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from contracts.settings import reset_settings

_FOREIGN = {"LAKE_NOW", "LAKE_SOURCE_ROOT", "LAKE_DELTA_ROOT", "LAKE_CONTRACTS", "LAKE_SERVICES", "DAGSTER_HOME"}


def is_foreign(variable: str) -> bool:
    """Whether a variable of the developer's own would lead a test elsewhere."""
    return variable in _FOREIGN or variable.startswith("LAKE_SOURCE_")


def lake_settings(home: Path, *, now: datetime | None = None, key: Path | None = None) -> dict[str, str]:
    """The variables of the lake at `home`; its key lies next to it where no other is named."""
    made = {"LAKE_HOME": str(home), "LAKE_TOKEN_KEY_FILE": str(key or home.parent / f"{home.name}.token.key")}
    return made | ({"LAKE_NOW": now.isoformat()} if now else {})


@contextmanager
def opened(settings: Mapping[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """Give this process the settings of a lake, and nothing foreign; gives what undoes more at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(is_foreign, list(os.environ)):
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, value)
        reset_settings()
        try:
            yield patch
        finally:
            patch.undo()
            reset_settings()

"""The engine of a resolution keeps to its share of the memory."""

import pytest

from contracts.settings import reset_settings
from identity.matching.engine import scratch


@pytest.mark.parametrize(
    ("given", "taken"), [("4GB", "1.8 GiB"), ("1.5 GiB", "768.0 MiB"), (".5GB", "238.4 MiB"), ("800MB", "381.4 MiB")]
)
def test_resolution_takes_half_of_the_memory_of_a_step(given: str, taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_MEMORY_LIMIT", given)
    reset_settings()
    try:
        with scratch() as con:
            assert con.sql("select current_setting('memory_limit')").fetchall() == [(taken,)]
    finally:
        monkeypatch.undo()
        reset_settings()

"""Dagster's entry point: loads everything in `defs/`, lists nothing."""

from pathlib import Path

import dagster as dg
from dagster.components import load_from_defs_folder


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules, sensors and resources of the lake."""
    return load_from_defs_folder(path_within_project=Path(__file__).parent)

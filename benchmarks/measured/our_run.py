"""The lake's own steps, timed: `python -m benchmarks.measured.our_run` in a lake whose sandbox is made.

The steps are the plain functions that the orchestrator calls too, in one process, without it.
"""

import json
import os
import resource
import time
from collections.abc import Callable
from typing import Any

import features.tables  # noqa: F401  declares the feature tables, which dbt writes


def land() -> int:
    """Land all sources; the rows landed.

    Raises:
        SystemExit: a source failed, and a figure without it would lie.
    """
    from contracts.contract_file import discover_sources
    from contracts.settings import load_settings
    from infra.sandbox.survey_api import serve
    from ingestion.landing.land import land_source

    with serve(load_settings().sources_root) as url:
        os.environ["LAKE_SOURCE_VOICE_OF_CUSTOMER_URL"] = url
        results = [land_source(source) for source in discover_sources()]
    failed = [f"{result.source}: {result.error}" for result in results if result.error]
    if failed:
        raise SystemExit("\n".join(failed))
    return sum(result.counts.landed for result in results)


def stage() -> Any:
    """Staging views and person records."""
    from dbt_project.runner import run_dbt

    return run_dbt("run", select="+person_records")


def identify() -> Any:
    """Who is who."""
    from identity.update import update_identity

    return update_identity()


def publish() -> Any:
    """The one file per person and the journey of events."""
    from dbt_project.runner import run_dbt

    return run_dbt("run", select=["path:models/marts", "person_contact", "person_identifiers"])


def window() -> Any:
    """The feature tables."""
    from features.build import build_features

    return build_features()


STEPS: dict[str, Callable[[], Any]] = {
    "landing": land,
    "staging and person records": stage,
    "identity": identify,
    "marts": publish,
    "features": window,
}


def main() -> None:
    """Run all steps and print what they took."""
    seconds, rows = {}, 0
    for name, step in STEPS.items():
        started = time.perf_counter()
        result = step()
        seconds[name] = time.perf_counter() - started
        rows = result if step is land else rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "rows": rows, "peak_mb": peak}))


if __name__ == "__main__":
    main()

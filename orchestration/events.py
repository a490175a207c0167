"""What Dagster learns of a table: that it has a new version, with rows, bytes and a small picture, or that it has not.

Events of tables and results of checks are made here; the steps in `defs/` say which tables they touched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

# Dagster has no public word for "this step is done with the asset and nothing changed": an output is a materialization,
# and a missing one skips everything downstream. This key is its own way out; tests/integration/test_orchestration.py
# sees it when a newer Dagster drops it.
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as _QUIET

from contracts.wording import many
from expectations.check import CheckResult, failing_first
from runs.pictures import bars
from runs.table_facts import rows_per_day, table_facts

#: The check of every table that has a suite. One, not one per rule: Dagster keeps some ten rows for each check of each
#: run (13 ms), and the rules number in the hundreds; what failed is listed in the check and in the quality portal.
SUITE_CHECK = "passes_its_suite"

AssetEvent = dg.MaterializeResult[None] | dg.Output[None] | dg.AssetCheckResult


def asset_key(table: str) -> dg.AssetKey:
    """The asset of a table: its name is its path."""
    return dg.AssetKey(table.split("/"))


def table_name(key: dg.AssetKey) -> str:
    """The table of an asset."""
    return "/".join(key.path)


def written(
    table: str, before: int | None, metadata: Mapping[str, Any] | None = None, *, is_rebuilt: bool = False
) -> AssetEvent:
    """The event for a table that a step is done with: materialized where its version moved since `before`.

    A table that did not change keeps its last materialization, so the UI shows what a run really touched. One that was
    computed again with the same result (`is_rebuilt`) is materialized with the same data version: it is in step with
    what it reads.
    """
    facts = table_facts(table)
    if facts is None or (facts.version == before and not is_rebuilt):
        return unchanged(asset_key(table))
    picture = bars(rows_per_day(table))
    return dg.MaterializeResult(
        asset_key=asset_key(table),
        data_version=dg.DataVersion(str(facts.version)),
        metadata={
            "dagster/row_count": facts.rows,
            "bytes": facts.bytes,
            "delta_version": facts.version,
            **(
                {"freshest_event_at": dg.MetadataValue.timestamp(facts.freshest_event_at)}
                if facts.freshest_event_at
                else {}
            ),
            **({"rows per day": dg.MetadataValue.md(picture)} if picture else {}),
            **(metadata or {}),
        },
    )


def unchanged(key: dg.AssetKey) -> dg.Output[None]:
    """The step is done with the asset and nothing changed; what is downstream may go on."""
    return dg.Output(None, output_name=key.to_python_identifier(), metadata={_QUIET: True})


def check_specs(tables: Iterable[str]) -> list[dg.AssetCheckSpec]:
    """The check of each table."""
    return [
        dg.AssetCheckSpec(
            SUITE_CHECK,
            asset=asset_key(table),
            blocking=True,
            description="The rules of this table's contract or suite. A warning is shown; any other failure stops what"
            " depends on the table.",
        )
        for table in tables
    ]


def check_events(tables: Iterable[str], results: Sequence[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    """The check of each table, from the results of its suite."""
    for table in tables:
        own = [result for result in results if result.table == table]
        failed = failing_first(result for result in own if not result.passed)
        yield check_result(
            asset_key(table),
            name=SUITE_CHECK,
            rules=len(own),
            failed=[f"{result.message}\n  - cure: {result.cure}" for result in failed],
            is_blocking=any(result.is_blocking for result in failed),
        )


def check_result(
    key: dg.AssetKey, *, name: str, rules: int, failed: Sequence[str], is_blocking: bool
) -> dg.AssetCheckResult:
    """One check that stands for several rules; `failed` has a text for each of them that failed."""
    listed = {"what failed": dg.MetadataValue.md("\n".join(f"- {line}" for line in failed))} if failed else {}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if is_blocking else dg.AssetCheckSeverity.WARN,
        description=f"{rules - len(failed)} of {many(rules, 'rule')} passed",
        metadata={"passed": rules - len(failed), "failed": len(failed), **listed},
    )

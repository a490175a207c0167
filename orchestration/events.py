"""What Dagster is told of a table: that it has a new version, with rows, bytes and a small picture, or that it has not.

The only place that makes asset events and check results; the steps in `defs/` say which tables they touched.
"""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

# Dagster has no public word for "this step is done with the asset and nothing changed": an output is a materialization,
# and a missing one skips everything downstream. This key is its own way out; tests/integration/test_orchestration.py
# sees it when a newer Dagster drops it.
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION as _QUIET

from expectations.check import CheckResult
from orchestration.facts import rows_per_day, table_facts
from orchestration.pictures import bars

#: The two checks that every table with a suite has in Dagster: what blocks, and what is only reported.
PROMISES = "keeps_its_promises"
WARNINGS = "has_no_warnings"

AssetEvent = dg.MaterializeResult[None] | dg.Output[None] | dg.AssetCheckResult


def asset_key(table: str) -> dg.AssetKey:
    """The asset of a table: its name is its path."""
    return dg.AssetKey(table.split("/"))


def table_name(key: dg.AssetKey) -> str:
    """The table of an asset."""
    return "/".join(key.path)


def written(table: str, before: int | None, **metadata: int | float | str) -> AssetEvent:
    """The event for a table that a step is done with: materialized where its version moved since `before`.

    A table that did not change keeps its last materialization, so the UI shows what a run really touched.
    """
    facts = table_facts(table)
    if facts is None or facts.version == before:
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
            **metadata,
        },
    )


def unchanged(key: dg.AssetKey) -> dg.Output[None]:
    """The step is done with the asset and nothing changed; what is downstream may go on."""
    return dg.Output(None, output_name=key.to_python_identifier(), metadata={_QUIET: True})


def check_specs(tables: Iterable[str], *, is_blocking: bool = True) -> list[dg.AssetCheckSpec]:
    """The two checks of each table."""
    return [
        spec
        for table in tables
        for spec in (
            dg.AssetCheckSpec(
                PROMISES, asset=asset_key(table), blocking=is_blocking,
                description="What the contract or the suite of this table demands; it stops what depends on it.",
            ),
            dg.AssetCheckSpec(
                WARNINGS, asset=asset_key(table),
                description="What is only reported: late, thin or unusual, but not wrong.",
            ),
        )
    ]  # fmt: skip


def check_events(tables: Iterable[str], results: Sequence[CheckResult]) -> Iterator[dg.AssetCheckResult]:
    """Both checks of each table, from the results of its suite."""
    for table in tables:
        own = [result for result in results if result.table == table]
        for name, severity in ((PROMISES, "block"), (WARNINGS, "warn")):
            asked = [result for result in own if result.severity == severity]
            failed = [result for result in asked if not result.passed]
            listed = "\n".join(f"- {result.message}\n  - cure: {result.cure}" for result in failed)
            yield dg.AssetCheckResult(
                asset_key=asset_key(table),
                check_name=name,
                passed=not failed,
                severity=dg.AssetCheckSeverity.ERROR if severity == "block" else dg.AssetCheckSeverity.WARN,
                description=f"{len(asked) - len(failed)} of {len(asked)} passed",
                metadata={"passed": len(asked) - len(failed), "failed": len(failed)}
                | ({"what failed": dg.MetadataValue.md(listed)} if failed else {}),
            )

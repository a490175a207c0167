"""The checks at every border, and the quality portal. Suites say what is checked; here is when, and what it stops.

One step per border, since starting Great Expectations costs more than any suite. A blocking failure stops everything
that depends on the table; what does not depend on it has landed already.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import dagster as dg

from contracts.catalogue.zones import zone_of
from contracts.contract_file import load_contracts
from expectations.check import CheckResult
from expectations.suite_files import discover_suites, files_for
from lake.tables import table_exists
from orchestration.dbt_graph import FEATURES, MARTS, RECORDS, load_graph
from orchestration.defs.identity import IDENTITY_TABLES
from orchestration.events import asset_key, check_events, check_specs, table_name
from orchestration.instance import POOL
from orchestration.session import Session

PORTAL = dg.AssetKey(["reports", "quality"])


@dg.definitions
def quality() -> dg.Definitions:
    """A check step at each border, and the portal."""
    return dg.Definitions(
        asset_checks=[_check_step(b, tables) for b, tables in borders().items() if tables], assets=[_portal()]
    )


def borders() -> dict[str, list[str]]:
    """The tables checked at each border, in the order of a run: those that have a suite, found and not listed."""
    graph = load_graph()
    produced = {
        "records": graph.tables(RECORDS),
        "identity": list(IDENTITY_TABLES),
        "marts": graph.tables(MARTS),
        "features": graph.tables(FEATURES),
    }
    own = set(discover_suites())
    bronze = [entity.table for contract in load_contracts() for entity in contract.entities.values()]
    return {"bronze": bronze} | {
        border: sorted(t for t in tables if t in own or files_for(t)) for border, tables in produced.items()
    }


def _check_step(border: str, tables: Sequence[str]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"check_{border}", specs=check_specs(tables), can_subset=True, pool=POOL, op_tags={"step": "quality"}
    )
    def check(context: dg.AssetCheckExecutionContext, session: Session) -> Iterator[dg.AssetCheckResult]:
        selected = {table_name(key.asset_key) for key in context.selected_asset_check_keys}
        due = _due(session, [table for table in tables if table in selected])
        if border == "bronze" and not any(table_exists(table) for table in tables):
            raise dg.Failure(
                "nothing has landed from any source, so there is nothing to build from", allow_retries=False
            )
        for event in check_events(due, _run(due)):
            if (
                event.asset_key is not None
                and dg.AssetCheckKey(event.asset_key, event.check_name or "") in context.selected_asset_check_keys
            ):
                yield event

    return check


def _due(session: Session, tables: Sequence[str]) -> list[str]:
    """Existing tables whose checks have to run again."""
    changes = session.changes()
    return [table for table in tables if table_exists(table) and changes.needs_checks(table)]


def _run(tables: Sequence[str]) -> list[CheckResult]:
    from expectations.runner import run

    zones = groupby(sorted(tables), key=zone_of)
    return [result for zone, group in zones for result in run(zone, tables=list(group))]


def _portal() -> dg.AssetsDefinition:
    published = borders()

    @dg.asset(
        key=PORTAL,
        deps=[asset_key(table) for table in (*published["marts"], *published["features"])],
        group_name="quality",
        description="One self-contained page: what is wrong with which data, who owns it, what to do.",
        owners=["team:data-governance"],
        kinds={"html"},
        tags={"layer": "reports"},
        pool=POOL,
    )
    def portal() -> dg.MaterializeResult[None]:
        from ingestion.landing.land import counters
        from web.portal.render import build

        page = build(counters=counters())
        return dg.MaterializeResult(metadata={"bytes": page.stat().st_size, "page": dg.MetadataValue.path(page)})

    return portal

"""The end of a run: its row in the ledger; where a source failed, the run fails once everything else is up to date."""

import dagster as dg

from contracts.catalogue.lookup import find_table
from contracts.catalogue.tables import RUNS
from contracts.catalogue.zones import OPS
from features.catalogue import load_groups
from orchestration.defs.quality import PORTAL
from orchestration.defs.serving import online_key
from orchestration.events import asset_key
from orchestration.instance import POOL
from orchestration.session import Session, is_whole
from orchestration.table_metadata import metadata_of, owners_of, zone_tag


@dg.asset(
    key=asset_key(RUNS),
    deps=[PORTAL, *(online_key(group.name) for group in load_groups())],
    group_name=OPS,
    description=find_table(RUNS).grain,
    owners=owners_of(find_table(RUNS)),
    kinds={"delta"},
    tags={"layer": OPS, **zone_tag(find_table(RUNS))},
    metadata=metadata_of(find_table(RUNS)),
    pool=POOL,
)
def runs(context: dg.AssetExecutionContext, session: Session) -> dg.MaterializeResult[None]:
    """Record the run. Where a source failed the run fails here, and only here: everything else is done."""
    run = session.record(context.instance, context.run, is_complete=is_whole(context.run))
    if run.failures:
        raise dg.Failure(
            description="\n".join(f"{f.where}: {f.message}\n  cure: {f.cure}" for f in run.failures),
            metadata={"failed sources": ", ".join(f.where for f in run.failures), "everything else": "is up to date"},
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata={"seconds": round(run.seconds, 1), "state": run.state, **run.checks})

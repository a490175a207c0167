"""Sources and bronze: one step per source, one asset per entity, all made from the contracts.

A source that cannot be read fails alone: its assets keep their last version, the steps behind it go on with what there
is, and the run ends as failed, with the cure (`defs/closing.py`). How a source is read is `ingestion`'s affair.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from contracts.catalogue.lookup import find_table
from contracts.catalogue.zones import BRONZE
from contracts.contract_file import Contract, Entity, load_contracts
from lake.tables import table_version
from orchestration.events import AssetEvent, asset_key, written
from orchestration.instance import POOL
from orchestration.session import Session
from orchestration.table_metadata import metadata_of, owners_of, zone_tag
from runs.ledger import Failure

_ENVIRONMENTS = ("embedded", "services")


@dg.definitions
def bronze() -> dg.Definitions:
    """Every source as an external asset, every entity as the asset that it lands in."""
    contracts = load_contracts()
    return dg.Definitions(assets=[*(_system(c) for c in contracts), *(_landing(c) for c in contracts)])


def system_key(source: str) -> dg.AssetKey:
    """The asset of a source system itself, which lies outside."""
    return dg.AssetKey(["source", source])


def _system(contract: Contract) -> dg.AssetSpec:
    server = contract.server(_ENVIRONMENTS[0])
    return dg.AssetSpec(
        system_key(contract.source),
        group_name=contract.source,
        description=contract.description,
        owners=[f"team:{contract.owner}"],
        tags={"domain": contract.domain},
        kinds={_kind(server.format or server.type or "")},
        metadata={
            "contract": f"ingestion/sources/{contract.source}/contract.odcs.yaml, version {contract.version}",
            "steward": contract.steward,
            "purposes": ", ".join(contract.purposes),
            "newest row may be old": f"{contract.freshness.total_seconds() / 3600:.0f} h",
        },
    )


def _landing(contract: Contract) -> dg.AssetsDefinition:
    entities = {asset_key(entity.table): entity for entity in contract.entities.values()}

    @dg.multi_asset(
        name=f"land_{contract.source}",
        specs=[_spec(contract, entity) for entity in entities.values()],
        can_subset=True,
        pool=POOL,
        op_tags={"step": "landing"},
    )
    def land(context: dg.AssetExecutionContext, session: Session) -> Iterator[AssetEvent]:
        wanted = [entities[key] for key in entities if key in context.selected_asset_keys]
        yield from _land(session, contract.source, wanted, report=context.log.error)

    return land


def _land(session: Session, source: str, wanted: list[Entity], *, report: Callable[[str], Any]) -> Iterator[AssetEvent]:
    from ingestion.landing.land import land_source
    from ingestion.landing.results import Counts

    before = {entity.name: table_version(entity.table) for entity in wanted}
    result = land_source(source, entities=[entity.name for entity in wanted], full_refresh=session.full_refresh)
    if result.error is not None:
        failure = Failure(where=source, message=result.error, cure=result.cure or "see the source's contract")
        session.failures.append(failure)
        report(f"{failure.message}\n  cure: {failure.cure}")
    counts = {landed.entity: landed.counts for landed in result.entities}
    for entity in wanted:
        of_entity = counts.get(entity.name, Counts())  # a source that is down is not asked for its other entities
        yield written(
            entity.table,
            before[entity.name],
            {"new rows": of_entity.landed, "quarantined": of_entity.quarantined, "exact duplicates": of_entity.doubled},
        )


def _spec(contract: Contract, entity: Entity) -> dg.AssetSpec:
    table = find_table(entity.table)
    return dg.AssetSpec(
        asset_key(table.name),
        deps=[system_key(contract.source)],
        group_name=contract.source,
        description=f"{table.grain} As {contract.source} sent it, typed, checked against its contract, append-only.",
        owners=owners_of(table),
        tags={"domain": contract.domain, "layer": BRONZE, **zone_tag(table)},
        kinds={"delta"},
        # Wall clock: how long ago rows last came. How old the newest row is, the check of the table says.
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=contract.freshness * 2, warn_window=contract.freshness
        ),
        metadata={
            **metadata_of(table),
            "purposes": ", ".join(entity.purposes),
            "rejected rows": entity.quarantine_table,
        },
    )


def _kind(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum()) or "system"

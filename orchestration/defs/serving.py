"""The feature store: registry and online values, one asset per feature view. Reading them is Feast's own affair."""

from collections.abc import Iterator

import dagster as dg

from features.catalogue import load_groups
from orchestration.events import AssetEvent, asset_key, unchanged
from orchestration.instance import POOL

ZONE = "online"


@dg.definitions
def serving() -> dg.Definitions:
    """One step that brings Feast's registry and online store up to date."""
    return dg.Definitions(assets=[_serve()])


def online_key(group: str) -> dg.AssetKey:
    """The asset of a view's online values."""
    return dg.AssetKey([ZONE, group])


def _serve() -> dg.AssetsDefinition:
    groups = load_groups()

    @dg.multi_asset(
        name="serve_features",
        specs=[
            dg.AssetSpec(
                online_key(group.name),
                deps=[asset_key(group.table)],
                group_name="serving",
                description=f"{group.description} The newest snapshot, for `get_online_features`.",
                owners=[f"team:{group.owner}"],
                tags={"layer": "serving"},
                kinds={"feast", "sqlite"},
                metadata={"features": len(group.features)},
            )
            for group in groups
        ],
        pool=POOL,
        op_tags={"step": "feast"},
    )
    def serve(context: dg.AssetExecutionContext) -> Iterator[AssetEvent]:
        from features.store import materialize

        brought = {view.view: view for view in materialize()}
        for group in groups:
            view = brought.get(group.name)
            if view is None:
                yield unchanged(online_key(group.name))
                continue
            yield dg.MaterializeResult(
                asset_key=online_key(group.name),
                metadata={
                    "as of": dg.MetadataValue.timestamp(view.event_timestamp),
                    "features": len(group.features),
                    "delta_version": view.table_version,
                },
            )

    return serve

"""The dbt models: three steps (records, marts, features), one dbt call each, every model and dbt test shown by itself.

dbt is called in this process: a call through its command line costs four seconds of imports more (ADR 8). A model runs
only where something that it reads changed, a new day began (windows of features), or its text was edited.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from lake.tables import table_exists, table_version
from orchestration.dbt_graph import (
    FEATURES,
    LAYERS,
    RECORDS,
    DbtGraph,
    Translator,
    load_graph,
    path_of,
    selector,
    stale_models,
    table_of,
)
from orchestration.events import AssetEvent, check_result, unchanged, written
from orchestration.instance import POOL
from orchestration.session import Session

#: The check that stands for all dbt tests of a model.
TESTS = "passes_its_tests"


@dg.definitions
def models() -> dg.Definitions:
    """One step for each layer of the project that has models."""
    graph = load_graph()
    return dg.Definitions(assets=[_layer(graph, layer) for layer in LAYERS if graph.layer(layer)])


def _layer(graph: DbtGraph, layer: str) -> dg.AssetsDefinition:
    translator = Translator()
    keys = {i: dg.AssetKey(path_of(graph.models[i])) for i in graph.layer(layer)}
    specs = [translator.get_asset_spec(graph.manifest, i, None) for i in keys]
    checks = [
        dg.AssetCheckSpec(TESTS, asset=key, blocking=True, description=f"{len(graph.tests[i])} dbt tests of the model.")
        for i, key in keys.items()
        if i in graph.tests
    ]

    @dg.multi_asset(
        name=f"build_{layer}",
        specs=specs,
        check_specs=checks,
        can_subset=True,
        pool=POOL,
        op_tags={"step": "dbt"},
    )
    def build(context: dg.AssetExecutionContext, session: Session) -> Iterator[AssetEvent]:
        selected = [i for i, key in keys.items() if key in context.selected_asset_keys]
        yield from _build(context, session, graph, layer=layer, selected=selected)

    return build


def _build(
    context: dg.AssetExecutionContext,
    session: Session,
    graph: DbtGraph,
    *,
    layer: str,
    selected: list[str],
) -> Iterator[AssetEvent]:
    due = _due(session, graph, layer=layer, selected=selected)
    before = {i: _version(graph.models[i]) for i in selected}
    outcome = None
    if due:
        from dbt_project.runner import run_dbt
        from features.build import hand_over

        hand_over()
        outcome = run_dbt(
            "build", select=[selector(graph.models[i]) for i in due], full_refresh=session.full_refresh, check=False
        )
        context.log.info(f"{len(due)} models, {len(outcome.nodes)} nodes in {outcome.seconds:.1f} s")
    nodes = {node.unique_id: node for node in outcome.nodes} if outcome else {}
    for unique_id in selected:
        node = nodes.get(unique_id)
        if node is None or node.ok:
            yield from _model_events(graph.models[unique_id], before[unique_id], node)
            yield from _test_events(graph, unique_id, nodes)
    broken = [
        node for node in nodes.values() if node.resource_type == "model" and not node.ok and node.status != "skipped"
    ]
    if broken:
        raise dg.Failure(
            description="; ".join(f"{node.name}: {node.message}" for node in broken[:5]),
            metadata={"cure": "correct the model or the data it reads, and run again: what succeeded stays"},
        )


def _due(session: Session, graph: DbtGraph, *, layer: str, selected: list[str]) -> list[str]:
    changes = session.changes()
    is_edited = changes.edits.features if layer == FEATURES else changes.edits.models
    if is_edited or (changes.is_new_day and layer != RECORDS):
        return selected
    missing = {table for i in selected if (table := table_of(graph.models[i])) and not table_exists(table)}
    stale = set(stale_models(graph, layer, lambda table: table in missing or changes.is_stale(table)))
    return [i for i in selected if i in stale]


def _model_events(model: Mapping[str, Any], before: int | None, node: Any) -> Iterator[AssetEvent]:
    key = dg.AssetKey(path_of(model))
    table = table_of(model)
    if table is not None:
        seconds = {} if node is None else {"seconds": round(node.seconds, 2)}
        yield written(table, before, seconds, is_rebuilt=node is not None)
    elif node is None:
        yield unchanged(key)
    else:
        yield dg.MaterializeResult(asset_key=key, metadata={"seconds": round(node.seconds, 2), "kind": "view"})


def _test_events(graph: DbtGraph, unique_id: str, nodes: Mapping[str, Any]) -> Iterator[dg.AssetCheckResult]:
    """One result for all tests of a model; none where they did not run, since the model did not change."""
    ran = [nodes[test] for test in graph.tests.get(unique_id, []) if test in nodes]
    if not ran:
        return
    failed = [node for node in ran if node.status != "pass"]
    yield check_result(
        dg.AssetKey(path_of(graph.models[unique_id])),
        name=TESTS,
        rules=len(ran),
        failed=[f"{node.name}: {node.message or node.status}" for node in failed],
        is_blocking=any(not node.ok for node in failed),
    )


def _version(model: Mapping[str, Any]) -> int | None:
    table = table_of(model)
    return None if table is None else table_version(table)

"""The dbt project as Dagster sees it: its manifest, its layers, and the names, owners and groups of its assets.

An asset's key is the name of its Delta table (`marts/person_profile`); a staging view is `staging/<model>`. Nothing
here runs a model: `defs/models.py` does.
"""

import json
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

import features.tables  # noqa: F401  declares the feature tables, which dbt writes
from contracts.catalogue.lookup import find_table
from contracts.catalogue.zones import ZONES
from orchestration.table_metadata import metadata_of, owners_of, zone_tag
from runs.fingerprint import fingerprint, manifest_digest

#: The step outside dbt that splits the project in two: models that need it run after it.
IDENTITY_ZONE = "identity"
RECORDS, MARTS, FEATURES = "records", "marts", "features"
LAYERS = (RECORDS, MARTS, FEATURES)


@lru_cache
def load_graph() -> "DbtGraph":
    """The project's manifest, parsed again only where a model, macro or contract changed since it was last."""
    from dbt_project import runner

    path = runner.target_path() / "manifest.json"
    mark = path.with_name("manifest.fingerprint")
    current = manifest_digest(fingerprint())
    if not (path.exists() and mark.exists() and mark.read_text() == current):
        from features.build import hand_over

        hand_over()  # before dbt parses, or the run would parse once more
        path = runner.parse()
        mark.write_text(current)
    return DbtGraph(json.loads(path.read_text(encoding="utf-8")))


class DbtGraph:
    """Models, sources and tests by unique id, and which layer a model belongs to."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest = manifest

    @cached_property
    def models(self) -> dict[str, Mapping[str, Any]]:
        """All models, parents before children."""
        models = {i: node for i, node in self.manifest["nodes"].items() if node["resource_type"] == "model"}
        ordered: dict[str, Mapping[str, Any]] = {}

        def visit(unique_id: str) -> None:
            if unique_id in models and unique_id not in ordered:
                for parent in sorted(models[unique_id]["depends_on"]["nodes"]):
                    visit(parent)
                ordered[unique_id] = models[unique_id]

        for unique_id in sorted(models):
            visit(unique_id)
        return ordered

    def layer(self, layer: str) -> list[str]:
        """Unique ids of a layer's models, parents before children.

        `records` is everything that does not read the links of identity; `features` is the zone of that name; `marts`
        is the rest.
        """
        return [i for i in self.models if self._layer_of(i) == layer]

    def tables(self, layer: str) -> list[str]:
        """Delta tables that a layer writes."""
        return [t for i in self.layer(layer) if (t := table_of(self.models[i])) is not None]

    def ancestors(self, unique_id: str) -> frozenset[str]:
        """Every Delta table a model reads, directly or through other models."""
        return self._ancestors[unique_id]

    @cached_property
    def tests(self) -> dict[str, list[str]]:
        """Unique ids of the tests of each model that has any; a test of two models counts for the later one."""
        order = {unique_id: place for place, unique_id in enumerate(self.models)}
        tests: dict[str, list[str]] = {}
        for unique_id, node in self.manifest["nodes"].items():
            tested = [i for i in node["depends_on"]["nodes"] if i in order] if node["resource_type"] == "test" else []
            if tested:
                attached = node.get("attached_node")
                model = attached if attached in order else max(tested, key=order.__getitem__)
                tests.setdefault(model, []).append(unique_id)
        return tests

    def _layer_of(self, unique_id: str) -> str:
        if not any(table.startswith(f"{IDENTITY_ZONE}/") for table in self._outside[unique_id]):
            return RECORDS
        return FEATURES if self.models[unique_id]["schema"] == FEATURES else MARTS

    @cached_property
    def _outside(self) -> dict[str, frozenset[str]]:
        """Tables that other rooms write and a model reads, directly or through other models: bronze and identity."""
        outside: dict[str, frozenset[str]] = {}
        for unique_id, model in self.models.items():
            parents = model["depends_on"]["nodes"]
            own = {table for parent in parents if (table := self._source_table(parent))}
            outside[unique_id] = frozenset(own.union(*(outside.get(parent, frozenset()) for parent in parents)))
        return outside

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        ancestors: dict[str, frozenset[str]] = {}
        for unique_id, model in self.models.items():
            tables: set[str] = set(self._outside[unique_id])
            for parent in model["depends_on"]["nodes"]:
                tables |= ancestors.get(parent, frozenset())
                if parent in self.models and (table := table_of(self.models[parent])):
                    tables.add(table)
            ancestors[unique_id] = frozenset(tables)
        return ancestors

    def _source_table(self, unique_id: str) -> str | None:
        node = self.manifest["sources"].get(unique_id)
        return None if node is None else table_of(node)


def table_of(node: Mapping[str, Any]) -> str | None:
    """The Delta table of a model or source; None for a view, which has none."""
    if node["resource_type"] == "source":
        meta = node["config"].get("meta") or {}
        return str(meta.get("delta_table") or f"{node['schema']}/{node['identifier']}")
    return f"{node['schema']}/{node['alias']}" if node["schema"] in ZONES and not is_view(node) else None


def is_view(node: Mapping[str, Any]) -> bool:
    """Whether a model is a view, made anew in every dbt call."""
    return bool(node["config"].get("materialized") == "view")


def selector(node: Mapping[str, Any]) -> str:
    """The model alone, in dbt's selector words."""
    return f"fqn:{'.'.join(node['fqn'])}"


def path_of(node: Mapping[str, Any]) -> list[str]:
    """The asset's key: its table's path, or the folder and name of a view."""
    table = table_of(node)
    return table.split("/") if table else [node["fqn"][1], node["name"]]


class Translator(DagsterDbtTranslator):
    """Names of tables as asset keys; folders as groups; owners, columns and places of tables from the catalogue."""

    def __init__(self) -> None:
        # Tests are shown as one check per model, see `defs/models.py`.
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`marts/person_profile`; `staging/stg_crm__customers`."""
        return dg.AssetKey(path_of(dbt_resource_props))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Staging in the group of its source's bronze, everything else by its first folder."""
        folders = list(dbt_resource_props["fqn"][1:-1])
        if not folders:
            return None
        return str(folders[1] if folders[0] == "staging" and len(folders) > 1 else folders[0])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The team that answers for the table; of a view, the one that its own yml names."""
        table = table_of(dbt_resource_props)
        if table is not None:
            return owners_of(find_table(table))
        owner = (dbt_resource_props["config"].get("meta") or {}).get("owner")
        group = dbt_resource_props.get("group")  # dagster-dbt puts the whole group here, not its name
        owner = owner or (group["owner"].get("name") if isinstance(group, Mapping) else None)
        return [f"team:{owner}"] if owner else []

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns and place of the table; a view lives in the memory of one dbt call only."""
        table = table_of(dbt_resource_props)
        shown = super().get_metadata(dbt_resource_props)
        if table is None:
            return {key: value for key, value in shown.items() if key != "dagster/table_name"}
        return {**shown, **metadata_of(find_table(table))}

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The layer and the zone, for selections such as `tag:layer=features`."""
        table = table_of(dbt_resource_props)
        zone = {} if table is None else zone_tag(find_table(table))
        return {**super().get_tags(dbt_resource_props), "layer": str(dbt_resource_props["fqn"][1]), **zone}


def stale_models(graph: DbtGraph, layer: str, is_stale: Callable[[str], bool]) -> list[str]:
    """Models of a layer that read a stale table, or whose own table is stale, parents first."""
    return [
        unique_id
        for unique_id in graph.layer(layer)
        if any(map(is_stale, graph.ancestors(unique_id))) or is_stale(table_of(graph.models[unique_id]) or "")
    ]

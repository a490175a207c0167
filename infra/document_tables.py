"""Writes docs/tables.md from the catalogue: `python -m infra.document_tables`. A test finds it out of date.

The tables of bronze and quarantine are described, not listed, so that a new source changes nothing here.
"""

from collections.abc import Iterable

import features.tables  # noqa: F401  declares the feature tables
from contracts.catalogue import zones
from contracts.catalogue.lookup import all_tables
from contracts.catalogue.table import Table
from contracts.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "tables.md"

_HEAD = """# Tables of the lake

Generated from the catalogue by `python -m infra.document_tables`; edit the declarations, not this page. Each table is
declared once, with every column's type, class and meaning ([ADR 29](adr/0029-every-table-is-declared-once.md)); Dagster
shows them at its asset. Restricted zones hold direct identifiers; modellers read the open ones.
"""
_LANDED = """## bronze, quarantine (restricted)

Both are derived from the contract, `ingestion/sources/<source>/contract.odcs.yaml`, which says the owner, the retention
and every column's class. New columns are kept in bronze as text. All tables of quarantine have
[the same columns](../contracts/catalogue/quarantine.yaml).

| Table | One row per | Written by |
|---|---|---|
| `bronze/<source>/<entity>` | version of a row of the source | [batches.py](../ingestion/landing/batches.py) |
| `quarantine/<source>/<entity>` | record that broke its contract | [store.py](../ingestion/quarantine/store.py) |
"""


def page() -> str:
    """The text of docs/tables.md."""
    tables = all_tables()
    parts = [_HEAD, _LANDED]
    for zone in (zones.IDENTITY, zones.MARTS, zones.FEATURES, zones.OPS):
        parts.append(_zone(zone, [table for table in tables if table.zone == zone]))
    return "\n".join(parts)


def _zone(zone: str, tables: Iterable[Table]) -> str:
    access = "restricted" if zone in zones.RESTRICTED_ZONES else "open"
    rows = [
        f"| [{table.name.partition('/')[2]}](../{table.declared_in}) | {_grain(table)} |"
        f" {table.owner} | [{table.writer.rpartition('/')[2]}](../{table.writer}) | {', '.join(table.read_by)} |"
        f" {table.retention} | {len(table.columns)}, {len(table.personal_columns)} personal |"
        for table in tables
    ]
    return (
        f"## {zone} ({access})\n\n"
        "| Table | One row per | Owner | Written by | Read by | Kept | Columns |\n|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


def _grain(table: Table) -> str:
    """The first sentence of the grain; the rest is at the declaration."""
    return table.grain.removeprefix("One row per ").partition(". ")[0].removesuffix(".")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

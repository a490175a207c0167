"""Who is who: the one step out of dbt and back. The matching itself is `identity`'s affair."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from contracts.catalogue.lookup import find_table
from contracts.catalogue.tables import IDENTITY_QUALITY, PERSON_EVENTS, PERSON_LINKS, PERSON_RECORDS, PERSON_REVIEWS
from contracts.errors import LakeError
from lake.sql.connections import connect
from lake.tables import scan, table_exists, table_version
from orchestration.events import AssetEvent, asset_key, written
from orchestration.instance import POOL
from orchestration.session import BY_HAND, Session
from orchestration.table_metadata import metadata_of, owners_of, zone_tag
from runs.pictures import bars, intervals

#: Always there after a run; the other two come to be with the first pair that is unsure, and the first labels.
IDENTITY_TABLES = (PERSON_LINKS, PERSON_EVENTS)

#: What the step writes and shows.
_WRITTEN = (PERSON_LINKS, PERSON_EVENTS, PERSON_REVIEWS, IDENTITY_QUALITY)
_RUNS_SHOWN = 12


@dg.multi_asset(
    name="resolve_identity",
    specs=[
        dg.AssetSpec(
            asset_key(table.name),
            deps=[asset_key(PERSON_RECORDS)],
            group_name="identity",
            description=table.grain,
            owners=owners_of(table),
            tags={"layer": "identity", **zone_tag(table)},
            kinds={"delta"},
            metadata=metadata_of(table),
        )
        for table in map(find_table, _WRITTEN)
    ],
    pool=POOL,
    op_tags={"step": "identity"},
)
def resolve_identity(context: dg.AssetExecutionContext, session: Session) -> Iterator[AssetEvent]:
    """Resolve who is who where a source's view of somebody changed, or a person judged a pair."""
    before = {table: table_version(table) for table in _WRITTEN}
    changes = session.changes()
    is_missing = any(before[table] is None for table in IDENTITY_TABLES)
    inputs = {PERSON_RECORDS, *BY_HAND, *IDENTITY_TABLES}
    if changes.edits.identity or is_missing or changes.tables & inputs:
        _update(context, before[IDENTITY_QUALITY])
    picture = _sizes_of_persons() if table_version(PERSON_LINKS) != before[PERSON_LINKS] else ""
    sizes = {"records per person": dg.MetadataValue.md(picture)} if picture else {}
    yield written(PERSON_LINKS, before[PERSON_LINKS], sizes)
    yield written(PERSON_EVENTS, before[PERSON_EVENTS])
    yield written(PERSON_REVIEWS, before[PERSON_REVIEWS])
    is_measured = table_version(IDENTITY_QUALITY) != before[IDENTITY_QUALITY]
    yield written(IDENTITY_QUALITY, before[IDENTITY_QUALITY], _quality() if is_measured else {})


def _update(context: dg.AssetExecutionContext, measured: int | None) -> None:
    """The step itself. Figures that stopped it are shown among the others before it ends."""
    from identity.update import update_identity

    try:
        context.log.info(str(update_identity()))
    except LakeError:
        if table_version(IDENTITY_QUALITY) != measured:
            context.log_event(dg.AssetMaterialization(asset_key(IDENTITY_QUALITY), metadata=_quality()))
        raise


def _quality() -> dict[str, Any]:
    """The newest run's figures as numbers, which the UI draws over time, and the last runs as a picture."""
    from identity.quality.figures import history

    runs = history(_RUNS_SHOWN)
    newest = runs[-1]
    numbers = {
        "precision on labels": newest.precision,
        "recall on labels": newest.recall,
        "labelled pairs": newest.labelled_pairs,
        "open reviews": newest.open_reviews,
        "persons": newest.persons,
    }
    shown = intervals(
        [(f"{run.ran_at:%Y-%m-%d} {run.state}", run.precision, run.precision_low, run.precision_high) for run in runs]
    )
    picture = {"precision on labels, with its 95 % interval": dg.MetadataValue.md(shown)} if shown else {}
    return {name: number for name, number in numbers.items() if number is not None} | {"state": newest.state} | picture


def _sizes_of_persons() -> str:
    """How many persons have one record, two, and so on: a person of hundreds is a wrong merge, and shows."""
    if not table_exists(PERSON_LINKS):
        return ""
    with connect() as connection:
        rows = connection.execute(
            f"""select case when records >= 20 then '20 or more' when records >= 10 then '10 to 19'
                            when records >= 5 then '5 to 9' else records::varchar end as size, count(*), min(records)
                from (select count(*) as records from {scan(PERSON_LINKS)} where valid_to is null group by person_id)
                group by size order by min(records)"""
        ).fetchall()
    return bars([(f"{size} records", persons) for size, persons, _ in rows])

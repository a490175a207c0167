"""Who is who: the one step out of dbt and back. The matching itself is `identity`'s affair."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from contracts.errors import LakeError
from lake.sql.connections import connect
from lake.tables import scan, table_exists, table_version
from orchestration.events import AssetEvent, asset_key, written
from orchestration.instance import POOL
from orchestration.session import BY_HAND, Session
from runs.pictures import bars, intervals

RECORDS_TABLE = "identity/person_records"
LINKS_TABLE, EVENTS_TABLE = "identity/person_links", "identity/person_events"
REVIEWS_TABLE, QUALITY_TABLE = "identity/person_reviews", "ops/identity_quality"
#: Always there after a run; the other two come to be with the first pair that is unsure, and the first labels.
IDENTITY_TABLES = (LINKS_TABLE, EVENTS_TABLE)

_DESCRIPTIONS = {
    LINKS_TABLE: "One row per record and person, with the time the link held, how the two were matched and how surely.",
    EVENTS_TABLE: "One row per birth, merge, split or override of a person_id: the ledger of who became whom.",
    REVIEWS_TABLE: "One row per pair of records that a person should look at, why, and what became of it.",
    QUALITY_TABLE: "One row per run and group of people: the links' precision and recall on what people labelled.",
}
_RUNS_SHOWN = 12


@dg.multi_asset(
    name="resolve_identity",
    specs=[
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(RECORDS_TABLE)],
            group_name="identity",
            description=description,
            owners=["team:customer-data-platform"],
            tags={"layer": "identity", "zone": "open" if table == QUALITY_TABLE else "restricted"},
            kinds={"delta"},
            metadata={"dagster/table_name": table},
        )
        for table, description in _DESCRIPTIONS.items()
    ],
    pool=POOL,
    op_tags={"step": "identity"},
)
def resolve_identity(context: dg.AssetExecutionContext, session: Session) -> Iterator[AssetEvent]:
    """Resolve who is who where a source's view of somebody changed, or a person judged a pair."""
    before = {table: table_version(table) for table in _DESCRIPTIONS}
    changes = session.changes()
    is_missing = any(before[table] is None for table in IDENTITY_TABLES)
    inputs = {RECORDS_TABLE, *BY_HAND, *IDENTITY_TABLES}
    if changes.edits.identity or is_missing or changes.tables & inputs:
        _update(context, before[QUALITY_TABLE])
    picture = _sizes_of_persons() if table_version(LINKS_TABLE) != before[LINKS_TABLE] else ""
    sizes = {"records per person": dg.MetadataValue.md(picture)} if picture else {}
    yield written(LINKS_TABLE, before[LINKS_TABLE], sizes)
    yield written(EVENTS_TABLE, before[EVENTS_TABLE])
    yield written(REVIEWS_TABLE, before[REVIEWS_TABLE])
    is_measured = table_version(QUALITY_TABLE) != before[QUALITY_TABLE]
    yield written(QUALITY_TABLE, before[QUALITY_TABLE], _quality() if is_measured else {})


def _update(context: dg.AssetExecutionContext, measured: int | None) -> None:
    """The step itself. Figures that stopped it are shown among the others before it ends."""
    from identity.update import update_identity

    try:
        context.log.info(str(update_identity()))
    except LakeError:
        if table_version(QUALITY_TABLE) != measured:
            context.log_event(dg.AssetMaterialization(asset_key(QUALITY_TABLE), metadata=_quality()))
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
    if not table_exists(LINKS_TABLE):
        return ""
    with connect() as connection:
        rows = connection.execute(
            f"""select case when records >= 20 then '20 or more' when records >= 10 then '10 to 19'
                            when records >= 5 then '5 to 9' else records::varchar end as size, count(*), min(records)
                from (select count(*) as records from {scan(LINKS_TABLE)} where valid_to is null group by person_id)
                group by size order by min(records)"""
        ).fetchall()
    return bars([(f"{size} records", persons) for size, persons, _ in rows])

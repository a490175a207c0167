"""Who is who: the one step out of dbt and back. The matching itself is `identity`'s affair."""

from collections.abc import Iterator

import dagster as dg

from lake.duck import connect
from lake.tables import scan, table_exists, table_version
from orchestration.events import AssetEvent, asset_key, written
from orchestration.instance import POOL
from orchestration.pictures import bars
from orchestration.session import Session

RECORDS_TABLE = "identity/person_records"
LINKS_TABLE, EVENTS_TABLE = "identity/person_links", "identity/person_events"
IDENTITY_TABLES = (LINKS_TABLE, EVENTS_TABLE)

_DESCRIPTIONS = {
    LINKS_TABLE: "One row per record and person, with the time the link held, how the two were matched and how surely.",
    EVENTS_TABLE: "One row per birth, merge, split or override of a person_id: the ledger of who became whom.",
}


@dg.multi_asset(
    name="resolve_identity",
    specs=[
        dg.AssetSpec(
            asset_key(table),
            deps=[asset_key(RECORDS_TABLE)],
            group_name="identity",
            description=_DESCRIPTIONS[table],
            owners=["team:customer-data-platform"],
            tags={"layer": "identity", "zone": "restricted"},
            kinds={"delta"},
            metadata={"dagster/table_name": table},
        )
        for table in IDENTITY_TABLES
    ],
    pool=POOL,
    op_tags={"step": "identity"},
)
def resolve_identity(context: dg.AssetExecutionContext, session: Session) -> Iterator[AssetEvent]:
    """Resolve who is who where a source's view of somebody changed."""
    before = {table: table_version(table) for table in IDENTITY_TABLES}
    changes = session.changes()
    is_missing = any(version is None for version in before.values())
    if changes.everything or is_missing or changes.tables & {RECORDS_TABLE, *IDENTITY_TABLES}:
        from identity.step import update_identity

        context.log.info(str(update_identity()))
    picture = _sizes_of_persons() if table_version(LINKS_TABLE) != before[LINKS_TABLE] else ""
    sizes = {"records per person": dg.MetadataValue.md(picture)} if picture else {}
    yield written(LINKS_TABLE, before[LINKS_TABLE], sizes)
    yield written(EVENTS_TABLE, before[EVENTS_TABLE])


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

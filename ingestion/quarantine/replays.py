"""Out of quarantine into bronze: each record exactly once, under an app id of its own (ADR 3).

A replay takes three commits, and a crash between any two is finished or undone by the next replay:
1. quarantine: the records that now keep their contract are marked with the number of the replay;
2. bronze: their rows, and the counters moved from `quarantined` to `landed` (or `doubled`), under that number;
3. quarantine: the marked records are taken out.
Marks of a number that bronze has are taken out; marks of one that it lacks mean nothing and are made anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from contracts.contract_file import Contract, Entity
from ingestion.connectors.base import Delivery
from ingestion.landing import staging
from ingestion.landing.batches import added_columns, commit_batch, next_number
from ingestion.landing.duplicates import find_duplicates
from ingestion.landing.results import Counts
from ingestion.quarantine import store
from ingestion.quarantine.store import SCHEMA
from lake import clock, writer
from lake.commits import version_of
from lake.crash_points import crash_point
from lake.data_files import DataFile, table_folder
from lake.landing_state import state_of
from lake.locks import table_lock
from lake.sql.rows import single_row, single_value
from lake.sql.scratch import Computation, ScratchTable
from lake.sql.text import literal
from lake.tables import open_table, scan
from lake.writer import Commit

STREAM = "replay"
#: Ids of the rejected records that now keep their contract.
_ACCEPTED = ScratchTable("accepted", {"refused_id": "varchar"})
_ACCEPT = Computation("find the records that a replay lands", reads=(staging.REJECTED,), makes=(_ACCEPTED,))
_MARK = Computation("mark the records that a replay lands", reads=(_ACCEPTED,))
CRASH_POINTS = ("replay.staged", "replay.marked", "replay.committed")


@dataclass(frozen=True)
class Replayed:
    """What came of an entity's rejected records: `landed` and `doubled` left quarantine, `remaining` stayed."""

    source: str
    entity: str
    landed: int
    doubled: int
    remaining: int


def replay_entity(connection: duckdb.DuckDBPyConnection, contract: Contract, entity: Entity) -> Replayed | None:
    """Replay one entity's rejected records; None where there are none."""
    if open_table(entity.quarantine_table) is None:
        return None
    with table_lock(entity.table), table_lock(entity.quarantine_table):
        return _replay(connection, contract, entity)


def _replay(connection: duckdb.DuckDBPyConnection, contract: Contract, entity: Entity) -> Replayed:
    app_id = f"{contract.source}/{entity.name}/{STREAM}"
    table = open_table(entity.table)
    version, state = version_of(table), state_of(table)
    number = next_number(table, app_id, state.get("streams", {}).get(STREAM, {}))
    _take_out(connection, entity, number - 1)
    open_rows = f"select * from ({store.kept(entity)}) where {_is_finished(state)}"
    folder = table_folder(entity.table)
    staged = staging.stage(
        connection,
        entity=entity,
        delivery=Delivery(
            f"select *, raw as line from ({open_rows})",
            columns=None,
            cursor={},
            escaped="coalesce(is_escaped, false)",
            known_at="refused_at",  # known then: what has landed since is newer
        ),
        folder=folder,
        batch_id=f"{STREAM}-{number:08d}",
        now=clock.now(),
        added=added_columns(table, entity),
    )
    kept_files: list[DataFile] = []
    try:
        find_duplicates(connection, entity, staged, with_quarantine=False)
        files = staging.accepted_files(connection, entity=entity, staged=staged, folder=folder)
        moved, remaining = _accepted(connection, open_rows)
        landed = sum(file.rows for file in files)
        crash_point("replay.staged")
        if moved:
            _mark(connection, entity, number)
            crash_point("replay.marked")
            commit_batch(
                entity,
                files=files,
                added=staged.added,
                state=state,
                commit=Commit(app_id, number, made_from=version),
                counts=Counts(0, landed=landed, quarantined=-moved, doubled=moved - landed),
                streams=state.get("streams", {}) | {STREAM: {"batch": number}},
            )
            kept_files = files
            crash_point("replay.committed")
            _take_out(connection, entity, number)
    finally:
        staged.delete(but=kept_files)
    return Replayed(entity.source, entity=entity.name, landed=landed, doubled=moved - landed, remaining=remaining)


def _is_finished(state: Mapping[str, Any]) -> str:
    """SQL condition: the record's batch is in bronze; one that a crash cut short is made anew by landing, not here."""
    done = [
        f"batch_id between {literal(stream + '-')} and {literal(f'{stream}-{number:08d}')}"
        for stream, number in (
            (stream, int(state_of_stream["batch"])) for stream, state_of_stream in state.get("streams", {}).items()
        )
    ]
    return "(" + " or ".join(done or ["false"]) + ")"


def _accepted(connection: duckdb.DuckDBPyConnection, open_rows: str) -> tuple[int, int]:
    """Make `accepted` of the ids that now keep their contract; returns how many they are, and how many do not."""
    with _ACCEPT.on(connection) as scratch:
        scratch.make(
            _ACCEPTED,
            f"select refused_id from ({open_rows}) where refused_id not in (select refused_id from rejected)",
        )
        moved, every = single_row(
            connection, f"select (select count(*) from accepted), (select count(*) from ({open_rows}))"
        )
    return int(moved), int(every) - int(moved)


def _mark(connection: duckdb.DuckDBPyConnection, entity: Entity, number: int) -> None:
    version = version_of(open_table(entity.quarantine_table))
    with _MARK.on(connection):
        rows = store.as_batches(
            connection,
            f"""select {", ".join(f"q.{name}" for name in SCHEMA.names if name != "replay")},
                case when a.refused_id is not null then {number}::bigint end as replay
            from ({store.kept(entity)}) q left join accepted a using (refused_id)""",
        )
        writer.overwrite(entity.quarantine_table, rows, commit=Commit(made_from=version))


def _take_out(connection: duckdb.DuckDBPyConnection, entity: Entity, number: int) -> None:
    query = f"select count(*) from {scan(entity.quarantine_table)} where replay = {number}"
    if single_value(connection, query):
        writer.delete(entity.quarantine_table, f"replay = {number}")

"""Landing: every new row of a source into bronze or quarantine, exactly once (D6).

One batch of an entity goes: read -> stage as Parquet beside the table -> commit refused rows to quarantine ->
commit good rows, cursor and counters to bronze -> acknowledge to the source. All of it happens under the table's
lock, and the batch number is decided by bronze alone: a crash before its commit leaves files no one refers to and
perhaps a quarantine commit, which the next attempt at the same number replaces; a crash after it is a finished batch.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from ingestion import drift, quarantine, staging
from ingestion.connectors import connectors_for, is_absent
from ingestion.connectors.base import Connector, Delivery, SourceError, Trouble, UnreachableError
from ingestion.contract import Contract, Entity, load_contract, load_contracts
from ingestion.drift import DriftError
from ingestion.result import Counts, EntityResult, SourceResult
from lake import clock, layout
from lake.crash import crash_point
from lake.duck import connect
from lake.errors import LakeError
from lake.files import table_folder
from lake.state import as_metadata, read_state, state_of
from lake.tables import open_table
from lake.writer import Commit, commit_files, table_lock

#: Where a test may stop the process (`LAKE_CRASH_AT`), in the order of a batch.
CRASH_POINTS = (
    "landing.staged",
    "landing.before_quarantine",
    "landing.after_quarantine",
    "landing.before_commit",
    "landing.after_commit",
    "landing.acknowledged",
)
#: Only times may stand in the statistics of Delta's log (D14).
CONFIGURATION = {"delta.dataSkippingStatsColumns": ",".join(staging.BOUNDED)}

Progress = Callable[[str], None]


@dataclass(frozen=True)
class EntityCounters:
    """What an entity has brought since the lake began: `received` = `landed` + `quarantined` + `doubled`."""

    source: str
    entity: str
    received: int
    landed: int
    quarantined: int
    doubled: int
    state: str


def land_source(
    source: str,
    *,
    entities: Iterable[str] | None = None,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> SourceResult:
    """Land everything new of a source.

    Args:
        entities: only these; default all of the contract.
        full_refresh: read the source from its beginning; rows that are here already are not landed or counted again.
        progress: called with a line per batch.

    Returns:
        What was landed. A source that is down or broken is reported in the result, never raised.

    Raises:
        UnknownSourceError, ContractError: wrong usage.
        LakeError: the lake itself cannot be written.
    """
    contract = load_contract(source)
    chosen = _choose(contract, entities)
    layout.ensure()
    result = SourceResult(source)
    started = time.monotonic()
    if _is_absent(contract):
        return SourceResult(source, [EntityResult(source, entity.name) for entity in chosen], is_absent=True)
    with connect() as connection:
        for entity in chosen:
            entity_result = EntityResult(source, entity.name)
            result.entities.append(entity_result)
            try:
                _land_entity(connection, contract, entity, entity_result, full_refresh, progress or (lambda line: None))
            except SourceError as error:
                entity_result.troubles.append(Trouble(f"{source}/{entity.name}", str(error.args[0]), error.cure))
                if isinstance(error, UnreachableError):
                    result.fail(error)
                    break
            if entity_result.troubles and result.error is None:
                trouble = entity_result.troubles[0]
                result.error, result.cure = f"{trouble.place}: {trouble.message}", trouble.cure
    result.seconds = time.monotonic() - started
    return result


def has_new(source: str) -> bool:
    """Whether a source has something that is not landed; compares it with the cursors in bronze's commits.

    True also where the source cannot be asked, so that landing runs and says why.
    """
    contract = load_contract(source)
    if _is_absent(contract):
        return False
    for entity in contract.entities.values():
        streams = read_state(entity.table).get("streams", {})
        for connector in connectors_for(contract, entity):
            try:
                if connector.has_new(streams.get(connector.stream, {}).get("cursor")):
                    return True
            except SourceError:
                return True
            finally:
                connector.close()
    return False


def counters() -> list[EntityCounters]:
    """Cumulative counters of every entity of every source, read from bronze's commits."""
    found = []
    for contract in load_contracts():
        for entity in contract.entities.values():
            state = read_state(entity.table)
            counts = Counts(**state.get("counters", {}))
            found.append(
                EntityCounters(entity.source, entity.name, **vars(counts), state="landed" if state else "waiting")
            )
    return found


def _is_absent(contract: Contract) -> bool:
    """A source that has delivered before is not absent but out of reach, whatever became of its folder."""
    return is_absent(contract) and not any(read_state(entity.table) for entity in contract.entities.values())


def _choose(contract: Contract, names: Iterable[str] | None) -> list[Entity]:
    if names is None:
        return list(contract.entities.values())
    unknown = sorted(set(names) - set(contract.entities))
    if unknown:
        raise UnknownEntityError(
            f"{contract.source} has no entity {', '.join(unknown)}", cure=f"use one of: {', '.join(contract.entities)}"
        )
    return [entity for name, entity in contract.entities.items() if name in set(names)]


class UnknownEntityError(LakeError):
    """An entity was named that the contract does not have."""

    exit_code = 2


def _land_entity(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    entity: Entity,
    result: EntityResult,
    full_refresh: bool,
    progress: Progress,
) -> None:
    for connector in connectors_for(contract, entity):
        try:
            with table_lock(entity.table):
                batch = _Batch(connection, contract, entity, connector, full_refresh)
                while (counts := batch.land()) is not None:
                    result.counts += counts
                    result.batches += 1
                    progress(f"{contract.source}/{entity.name}: {counts.landed} rows landed")
        except DriftError as error:
            place = f"{contract.source}/{entity.name}"
            result.troubles.append(Trouble(place, str(error.args[0]), error.cure, "blocked"))
        finally:
            result.troubles.extend(connector.troubles())
            connector.close()


class _Batch:
    """The batches of one stream of one entity, one after the other, under the table's lock."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        entity: Entity,
        connector: Connector,
        full_refresh: bool,
    ) -> None:
        self.connection = connection
        self.contract = contract
        self.entity = entity
        self.connector = connector
        self.full_refresh = self.is_reread = full_refresh
        self.app_id = f"{entity.source}/{entity.name}/{connector.stream}"
        self.now = clock.now()

    def land(self) -> Counts | None:
        """Land the next batch; None where there is nothing more."""
        table = open_table(self.entity.table)
        state = state_of(table)
        stream = state.get("streams", {}).get(self.connector.stream, {})
        cursor = None if self.full_refresh else stream.get("cursor")
        delivery = self.connector.read(self.connection, cursor)
        if delivery is None:
            return None
        self.full_refresh = False
        if self.is_reread:
            delivery.is_reread, delivery.doubles_before = True, None
        number = _next_number(table, self.app_id, stream)
        staged = self._stage(table, delivery, f"{self.connector.stream}-{number:08d}")
        crash_point("landing.staged")
        commit = Commit(self.app_id, number)
        doubles = staging.find_doubles(self.connection, self.entity, staged)
        crash_point("landing.before_quarantine")
        quarantined = quarantine.write_refused(
            self.connection, self.contract, self.entity, delivery, staged, commit=commit, now=self.now
        )
        crash_point("landing.after_quarantine")
        files = staging.accepted_files(self.connection, self.entity, staged, table_folder(self.entity.table))
        landed = sum(file.rows for file in files)
        counts = Counts(0, landed, quarantined, _doubled(delivery, doubles))
        counts.received = counts.landed + counts.quarantined + counts.doubled
        if delivery.overlap is not None:
            delivery.cursor["doubled"] = staging.copies_in_overlap(self.connection, staged, delivery.overlap)
        after = _advance(state, self.connector.stream, number, delivery, counts)
        crash_point("landing.before_commit")
        commit_files(
            self.entity.table,
            files,
            _schema(self.entity, staged.added),
            commit=Commit(self.app_id, number, as_metadata(after)),
            configuration=CONFIGURATION,
        )
        crash_point("landing.after_commit")
        delivery.acknowledge()
        crash_point("landing.acknowledged")
        kept = {file.path for file in files}
        for file in staged.files:
            if file.path not in kept:
                file.delete()
        return counts

    def _stage(self, table: DeltaTable | None, delivery: Delivery, batch_id: str) -> staging.Staged:
        """Stage a delivery with the columns beyond the contract that are to be kept."""
        added = _added_columns(table, self.entity)
        added += drift.agreed_columns(self.entity, staging.new_columns(delivery, self.entity, added))
        staged = self._stage_with(delivery, batch_id, added)
        try:
            new = drift.agreed_columns(self.entity, staged.names)
        except DriftError:
            staged.delete()
            raise
        if not new:
            return staged
        # JSON says its columns record by record: what is new is known only now, and is staged again with it.
        staged.delete()
        return self._stage_with(delivery, batch_id, [*added, *new])

    def _stage_with(self, delivery: Delivery, batch_id: str, added: list[str]) -> staging.Staged:
        folder = table_folder(self.entity.table)
        return staging.stage(
            self.connection, self.entity, delivery, folder, batch_id=batch_id, now=self.now, added=added
        )


def _doubled(delivery: Delivery, doubles: staging.Doubles) -> int:
    """Doubles to count: rows of an overlap that are here already were counted when they came first."""
    if not delivery.is_reread:
        return doubles.rows
    before = delivery.doubles_before
    return doubles.copies_of_new + (0 if before is None else max(0, doubles.copies_of_known - before))


def _next_number(table: DeltaTable | None, app_id: str, stream: dict[str, Any]) -> int:
    done = [-1 if "batch" not in stream else int(stream["batch"])]
    version = None if table is None else table.transaction_version(app_id)
    if version is not None:  # 0 is a batch
        done.append(version)
    return max(done) + 1


def _advance(state: dict[str, Any], stream: str, number: int, delivery: Delivery, counts: Counts) -> dict[str, Any]:
    total = Counts(**state.get("counters", {})) + counts
    streams = dict(state.get("streams", {})) | {stream: {"batch": number, "cursor": delivery.cursor}}
    return {"streams": streams, "counters": vars(total)}


def _added_columns(table: DeltaTable | None, entity: Entity) -> list[str]:
    if table is None:
        return []
    known = set(entity.bronze_schema().names)
    return [field.name for field in table.schema().fields if field.name not in known]


def _schema(entity: Entity, added: Iterable[str]) -> pa.Schema:
    schema = entity.bronze_schema()
    for name in added:
        schema = schema.append(pa.field(name, pa.string()))
    return schema

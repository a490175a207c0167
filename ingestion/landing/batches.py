"""One batch after the other of one stream of one entity, each landed exactly once (ADR 3).

A batch goes: read -> stage as Parquet in the table's folder -> commit rejected rows to quarantine -> commit good rows,
cursor and counters to bronze -> acknowledge to the source. All of it happens under the table's lock, and the batch
number is decided by bronze alone: a crash before its commit leaves files no one refers to and perhaps a quarantine
commit, which the next attempt at the same number replaces; a crash after it is a finished batch.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from contracts.contract_file import Contract, Entity
from ingestion.connectors.base import Connector, Delivery, Trouble
from ingestion.landing import drift, drift_in_values, staging
from ingestion.landing.drift import DriftError
from ingestion.landing.duplicates import Duplicates, copies_in_overlap, find_duplicates, known_in_batches
from ingestion.landing.results import Counts
from ingestion.quarantine import store
from lake import clock
from lake.commits import NO_TABLE, version_of
from lake.crash_points import crash_point
from lake.data_files import DataFile, table_folder
from lake.landing_state import as_metadata, state_of
from lake.tables import open_table
from lake.writer import Commit, ConflictError, commit_files

#: Where a test may stop the process (`LAKE_CRASH_AT`), in the order of a batch.
CRASH_POINTS = (
    "landing.staged",
    "landing.quarantined",
    "landing.rewritten",
    "landing.committed",
    "landing.acknowledged",
)
#: How often a batch is read again because another machine came first, before that is reported.
_CONFLICTS = 5
#: Only times may stand in the statistics of Delta's log (ADR 9).
CONFIGURATION = {"delta.dataSkippingStatsColumns": ",".join(staging.BOUNDED)}


class Batches:
    """The batches of one stream of one entity, one after the other, under the table's lock."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
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
        self.new_columns: list[str] = []

    def land(self) -> Counts | None:
        """Land the next batch; None where there is nothing more.

        Where another machine's commit came first (tables in S3), the batch is read anew behind that one.

        Raises:
            ConflictError: others came first again and again, or the source cannot be asked again for what it sent.
        """
        full_refresh = self.full_refresh
        for _ in range(_CONFLICTS):
            try:
                return self._land()
            except ConflictError:
                if self.connector.is_live:
                    raise
                self.full_refresh = full_refresh
        return self._land()

    def _land(self) -> Counts | None:
        self.new_columns = []
        table = open_table(self.entity.table)
        version, state = version_of(table), state_of(table)
        stream = state.get("streams", {}).get(self.connector.stream, {})
        delivery = self.connector.read(self.connection, None if self.full_refresh else stream.get("cursor"))
        if delivery is None:
            return None
        self.full_refresh = False
        if self.is_reread and not delivery.is_changes:
            delivery.is_reread, delivery.duplicates_before = True, None
        number = next_number(table, self.app_id, stream)
        staged = self._stage(table, delivery, f"{self.connector.stream}-{number:08d}")
        if staged is None:
            return Counts()
        extra_columns = added_columns(table, self.entity)
        self.new_columns += [name for name in staged.added if name not in extra_columns]
        kept_files: list[DataFile] = []
        try:
            commit = Commit(self.app_id, number, made_from=version)
            kept_files, counts = self._commit(state, commit=commit, delivery=delivery, staged=staged)
        finally:
            staged.delete(but=kept_files)
        delivery.acknowledge()
        crash_point("landing.acknowledged")
        return counts

    def _commit(
        self, state: dict[str, Any], *, commit: Commit, delivery: Delivery, staged: staging.Staged
    ) -> tuple[list[DataFile], Counts]:
        """Quarantine first, bronze last, under one number; returns the files that bronze took, and the counts."""
        number = commit.batch or 0

        def fence() -> None:
            nonlocal commit
            commit = self._fence(state, commit)

        crash_point("landing.staged")
        if delivery.overlap is not None:
            delivery.cursor["doubled"] = copies_in_overlap(self.connection, staged, delivery.overlap)
        duplicates = find_duplicates(self.connection, self.entity, staged)
        quarantined = store.write(
            self.connection,
            contract=self.contract,
            entity=self.entity,
            staged=staged,
            commit=Commit(self.app_id, number),
            fence=fence,
            now=self.now,
        )
        crash_point("landing.quarantined")
        files = staging.accepted_files(
            self.connection, entity=self.entity, staged=staged, folder=table_folder(self.entity.table)
        )
        landed = sum(file.rows for file in files)
        doubled = self._duplicates(delivery, duplicates, number)
        counts = Counts(landed + quarantined + doubled, landed=landed, quarantined=quarantined, doubled=doubled)
        streams = state.get("streams", {}) | {
            self.connector.stream: {"batch": number, "cursor": delivery.cursor, "landed_at": self.now.isoformat()}
        }
        crash_point("landing.rewritten")
        commit_batch(
            self.entity, files=files, added=staged.added, state=state, commit=commit, counts=counts, streams=streams
        )
        crash_point("landing.committed")
        return files, counts

    def _fence(self, state: dict[str, Any], commit: Commit) -> Commit:
        """Commit nothing to bronze, so that no other attempt at this batch can be committed any more.

        It is dead nearly always. But a machine that stalled until its lease was taken over may go on.
        """
        table = open_table(self.entity.table)
        schema = self.entity.bronze_schema() if table is None else pa.schema(table.schema().to_arrow())
        nothing = Commit(metadata=as_metadata(state), made_from=commit.made_from)
        commit_files(self.entity.table, [], schema, commit=nothing, configuration=CONFIGURATION)
        return replace(commit, made_from=(NO_TABLE if commit.made_from is None else commit.made_from) + 1)

    def _duplicates(self, delivery: Delivery, duplicates: Duplicates, number: int) -> int:
        """Duplicates to count: rows read again that are here already were counted when they came first."""
        if delivery.redelivered_of and duplicates.distinct_known:
            last = [f"{self.connector.stream}-{n:08d}" for n in range(number - delivery.redelivered_of, number)]
            return (
                duplicates.copies_of_new
                + duplicates.distinct_known
                - known_in_batches(self.connection, self.entity, last)
            )
        if not delivery.is_reread:
            return duplicates.rows
        before = delivery.duplicates_before
        return duplicates.copies_of_new + (0 if before is None else max(0, duplicates.copies_of_known - before))

    def _stage(self, table: DeltaTable | None, delivery: Delivery, batch_id: str) -> staging.Staged | None:
        """Stage a delivery with the columns beyond the contract that are to be kept; None where it has to be read anew.

        JSON says its columns record by record: what is new, or gone, is known only once the rows are staged.
        """
        added = added_columns(table, self.entity)
        new = drift.agreed_columns(self.entity, staging.new_columns(delivery, self.entity, added))
        while True:
            try:
                staged = self._stage_with(delivery, batch_id, added + new)
            except duckdb.Error:
                if self.connector.leave_out_unreadable(self.connection):
                    return None
                raise
            try:
                is_stream = delivery.is_changes or self.connector.is_stream
                changed = drift_in_values.changes(self.connection, self.entity, staged, is_stream=is_stream)
                more = drift.agreed_columns(self.entity, staged.names | set(new)) if staged.names else new
                self._leave_out(changed)
            except DriftError:
                staged.delete()
                raise
            is_stale = self.connector.leave_out_changed()
            if more == new and not (changed or is_stale):
                return staged
            staged.delete()
            if changed or is_stale:
                return None
            new = more

    def _leave_out(self, changed: dict[str, DriftError]) -> None:
        """Leave out the files whose shape changed.

        Raises:
            DriftError: the source cannot part them from the rest.
        """
        for source_file, error in changed.items():
            place = f"{self.entity.source}/{self.entity.name}, {source_file}"
            if not self.connector.leave_out(
                source_file, Trouble(place, message=str(error.args[0]), cure=error.cure, state="blocked")
            ):
                raise error

    def _stage_with(self, delivery: Delivery, batch_id: str, added: list[str]) -> staging.Staged:
        folder = table_folder(self.entity.table)
        return staging.stage(
            self.connection,
            entity=self.entity,
            delivery=delivery,
            folder=folder,
            batch_id=batch_id,
            now=self.now,
            added=added,
        )


def commit_batch(
    entity: Entity,
    *,
    files: list[DataFile],
    added: Iterable[str],
    state: dict[str, Any],
    commit: Commit,
    counts: Counts,
    streams: dict[str, Any],
) -> bool:
    """Commit files to bronze with the streams' cursors and the sum of the counters, all at once."""
    total = Counts(**state.get("counters", {})) + counts
    schema = entity.bronze_schema()
    for name in added:
        schema = schema.append(pa.field(name, pa.string()))
    after = {"streams": streams, "counters": vars(total)}
    return commit_files(
        entity.table,
        files,
        schema,
        commit=replace(commit, metadata=as_metadata(after)),
        configuration=CONFIGURATION,
    )


def next_number(table: DeltaTable | None, app_id: str, stream: dict[str, Any]) -> int:
    """Number of a stream's next batch: after the last one bronze holds, by its state or its transaction."""
    done = [int(stream.get("batch", -1))]
    version = None if table is None else table.transaction_version(app_id)
    if version is not None:  # 0 is a batch
        done.append(version)
    return max(done) + 1


def added_columns(table: DeltaTable | None, entity: Entity) -> list[str]:
    """Columns of bronze beyond the contract: what earlier batches brought and was kept."""
    contract_columns = set(entity.bronze_schema().names)
    return (
        [] if table is None else [field.name for field in table.schema().fields if field.name not in contract_columns]
    )

"""Landing: every new row of a source into bronze or quarantine, exactly once (ADR 3).

A source is landed entity by entity, an entity stream by stream, a stream batch by batch (`ingestion.landing.batches`).
What is wrong with one of them is reported, with its cure, and the others go on.
"""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache

import duckdb
from deltalake.exceptions import DeltaError

from contracts.contract_file import Contract, Entity, load_contract, load_contracts
from contracts.errors import LakeError
from contracts.wording import many
from ingestion.connectors import connectors_for, is_absent
from ingestion.connectors.base import Connector, Cursor, SourceError, Trouble, UnreachableError
from ingestion.landing.batches import Batches, added_columns
from ingestion.landing.contract_checks import engine
from ingestion.landing.drift import DriftError
from ingestion.landing.rejected_rows import RejectedRowsError
from ingestion.landing.results import Counts, EntityResult, SourceResult
from lake import layout
from lake.landing_state import read_state, state_of
from lake.locks import table_lock
from lake.tables import open_table
from lake.writer import CommitError

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

#: Errors of one entity that are reported while the others go on.
REPORTED_ERRORS = (SourceError, DriftError, RejectedRowsError, duckdb.Error, DeltaError, OSError, CommitError)
_OF_THE_MACHINE = (OSError, duckdb.IOException, duckdb.OutOfMemoryException)


@dataclass(frozen=True)
class EntityCounters:
    """What an entity has brought since the lake began: `received` = `landed` + `quarantined` + `doubled`.

    `new_columns` are those that bronze keeps as text since its contract does not know them.
    """

    source: str
    entity: str
    received: int
    landed: int
    quarantined: int
    doubled: int
    state: str
    new_columns: tuple[str, ...] = ()


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
    result.entities = [EntityResult(source, entity.name) for entity in chosen]
    with ExitStack() as stack:
        compute = cache(lambda: stack.enter_context(engine()))  # an idle source needs none
        landing = _SourceLanding(
            contract, compute=compute, full_refresh=full_refresh, progress=progress or (lambda line: None)
        )
        for entity, entity_result in zip(chosen, result.entities, strict=True):
            landing.land(entity, entity_result)
    if result.error is None and (troubles := [t for e in result.entities for t in e.troubles]):
        more = f" (and {len(troubles) - 1} more)" if len(troubles) > 1 else ""
        result.error, result.cure = f"{troubles[0].place}: {troubles[0].message}{more}", troubles[0].cure
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
        for connector in connectors_for(contract, entity):
            try:
                if connector.has_new(cursor_of(entity, connector)):
                    return True
            except SourceError:
                return True
            finally:
                connector.close()
    return False


def counters() -> list[EntityCounters]:
    """Cumulative counters of every entity of every source, read from bronze's commits."""
    all_counters = []
    for contract in load_contracts():
        for entity in contract.entities.values():
            table = open_table(entity.table)
            state = state_of(table)
            counts = Counts(**state.get("counters", {}))
            new = tuple(added_columns(table, entity))
            all_counters.append(
                EntityCounters(
                    entity.source, entity.name, **vars(counts), state="landed" if state else "waiting", new_columns=new
                )
            )
    return all_counters


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


@dataclass
class _SourceLanding:
    """One source's landing: what its entities share."""

    contract: Contract
    compute: Callable[[], duckdb.DuckDBPyConnection]
    full_refresh: bool
    progress: Progress
    unreachable: dict[str, UnreachableError] = field(default_factory=dict)  # by stream: asked once, not per entity

    def land(self, entity: Entity, result: EntityResult) -> None:
        """Land every stream of an entity; what goes wrong with one is noted, and the others go on."""
        place = f"{entity.source}/{entity.name}"
        for connector in connectors_for(self.contract, entity, full_refresh=self.full_refresh):
            try:
                if connector.stream in self.unreachable:
                    raise self.unreachable[connector.stream]
                self._land_stream(entity, connector, result)
            except REPORTED_ERRORS as error:
                if isinstance(error, UnreachableError):
                    self.unreachable[connector.stream] = error
                result.troubles.append(trouble_of(place, error))
            finally:
                result.troubles.extend(connector.troubles())
                connector.close()

    def _land_stream(self, entity: Entity, connector: Connector, result: EntityResult) -> None:
        with table_lock(entity.table):
            if not (self.full_refresh or connector.is_live) and not connector.has_new(cursor_of(entity, connector)):
                return
            batches = Batches(
                self.compute(),
                contract=self.contract,
                entity=entity,
                connector=connector,
                full_refresh=self.full_refresh,
            )
            while (counts := batches.land()) is not None:
                result.counts += counts
                result.batches += 1
                result.new_columns += batches.new_columns
                self.progress(f"{entity.source}/{entity.name}: {many(counts.landed, 'row')} landed")
                for name in batches.new_columns:
                    self.progress(f"{entity.source}/{entity.name}: new column {name} kept as text")


def cursor_of(entity: Entity, connector: Connector) -> Cursor | None:
    """Where a stream of an entity stands, from bronze's newest commit; None where it has brought nothing yet."""
    streams = read_state(entity.table).get("streams", {})
    return streams.get(connector.stream, {}).get("cursor")  # type: ignore[no-any-return]


def trouble_of(place: str, error: Exception) -> Trouble:
    """One of `REPORTED_ERRORS` for the result. An engine's message may quote personal data: only of the machine's it
    is kept.
    """
    if isinstance(error, LakeError):
        state = "blocked" if isinstance(error, DriftError) else "failed"
        return Trouble(place, message=str(error.args[0]), cure=error.cure, state=state)
    detail = f": {str(error).splitlines()[0]}" if isinstance(error, _OF_THE_MACHINE) else ""
    log.debug("landing of %s ended", place, exc_info=error)
    return Trouble(
        place,
        message=f"the batch could not be read or written ({type(error).__name__}{detail})",
        cure="see that the disk has room and the source's data is whole, then run again: nothing of the batch landed",
    )

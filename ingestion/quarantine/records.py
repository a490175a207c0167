"""What a person does with rejected records: list them, look at one, and replay them once a contract is mended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from contracts.contract_file import load_contract, load_contracts
from contracts.errors import LakeError
from ingestion.connectors.drops.lines import as_bytes
from ingestion.landing.contract_checks import REASONS, engine
from ingestion.quarantine import replays
from ingestion.quarantine.replays import Replayed
from lake.sql.connections import connect
from lake.sql.rows import as_dicts
from lake.tables import list_tables, scan


class UnknownRecordError(LakeError):
    """An id was asked for that is not in quarantine."""

    exit_code = 2


@dataclass(frozen=True)
class Rejected:
    """One record in quarantine. `value_class` says what kind of value broke the rule, never the value."""

    refused_id: str
    source: str
    entity: str
    reason: str
    column_name: str | None
    value_class: str | None
    batch_id: str
    source_file: str | None
    source_position: int | None
    contract_version: str
    refused_at: datetime

    @property
    def explanation(self) -> str:
        """The reason in words."""
        return REASONS[self.reason] + (f": {self.column_name}" if self.column_name else "")


@dataclass(frozen=True)
class RejectedCount:
    """How many records of an entity are in quarantine for a reason; `column` is empty where it is the whole record."""

    source: str
    entity: str
    reason: str
    column: str
    rows: int


def list_rejected(source: str | None = None) -> list[Rejected]:
    """Every record in quarantine, newest first; without the records themselves."""
    tables = _tables(source)
    if not tables:
        return []
    fields = ", ".join(Rejected.__dataclass_fields__)
    every = " union all ".join(f"select {fields} from {scan(name)}" for name in tables)
    with connect() as connection:
        rows = connection.execute(f"{every} order by refused_at desc, source, entity, refused_id").fetchall()
    return [Rejected(*row) for row in rows]


def count_rejected(source: str | None = None) -> list[RejectedCount]:
    """How many records of each entity are in quarantine, by reason and column; empty where there are none."""
    counts = []
    with connect() as connection:
        for name in _tables(source):
            _, place, entity = name.split("/")
            rows = connection.execute(
                f"select reason, coalesce(column_name, ''), count(*) from {scan(name)} group by all order by all"
            ).fetchall()
            counts += [
                RejectedCount(place, entity=entity, reason=reason, column=column, rows=n) for reason, column, n in rows
            ]
    return counts


def count_by_reason(source: str | None = None) -> dict[str, int]:
    """How many records are in quarantine, by reason code, most frequent first."""
    sums: dict[str, int] = {}
    for count in count_rejected(source):
        sums[count.reason] = sums.get(count.reason, 0) + count.rows
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def show(refused_id: str) -> dict[str, Any]:
    """One record in quarantine with its raw text, by its id (or the beginning of it, where that is unique).

    Raises:
        UnknownRecordError: no record, or more than one, has this id.
    """
    with connect() as connection:
        matching = list(_find(connection, refused_id))
    if len(matching) != 1:
        raise UnknownRecordError(
            f"{len(matching)} records in quarantine have an id that begins with {refused_id!r}",
            cure="take the id from `lake quarantine list`",
        )
    return matching[0]


def raw_bytes(record: Mapping[str, Any]) -> bytes:
    """A record of `show` byte for byte as it came; one that was no text is kept escaped."""
    return as_bytes(record["raw"], is_escaped=bool(record.get("is_escaped")))


def replay(source: str | None = None) -> list[Replayed]:
    """Land the rejected records of a source (or of all) that meet its contract as it is now.

    Each lands exactly once, whatever happens on the way; the rest stay. Returns a line per entity that has any.

    Raises:
        UnknownSourceError: there is no such source.
    """
    contracts = load_contracts() if source is None else [load_contract(source)]
    with engine() as connection:
        done = [
            replays.replay_entity(connection, contract, entity)
            for contract in contracts
            for entity in contract.entities.values()
        ]
    return [replayed for replayed in done if replayed is not None]


def _tables(source: str | None) -> list[str]:
    if source is not None:
        load_contract(source)  # an unknown name is an error, not an empty list
    return [name for name in list_tables("quarantine") if source is None or name.split("/")[1] == source]


def _find(connection: duckdb.DuckDBPyConnection, prefix: str) -> Iterator[dict[str, Any]]:
    for name in list_tables("quarantine"):
        yield from as_dicts(connection, f"select * from {scan(name)} where starts_with(refused_id, ?)", [prefix])

"""Which connectors read a table of a database: by watermark or by its log, and by its keys to see what is deleted."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from open_data_contract_standard.model import Server

from contracts.contract_file import Contract, ContractError, Entity, server_options
from ingestion.connectors.base import Connector
from ingestion.connectors.databases.dialects import Dialect, PostgreSql, Sqlite
from ingestion.connectors.databases.keys import KeysConnector
from ingestion.connectors.databases.postgres_changes import ChangesConnector
from ingestion.connectors.databases.sql import OVERLAP, SqlConnector

_REPLICATION = ("none", "logical")


def sqlite_connectors(
    contract: Contract, *, entity: Entity, server: Server, path: Path, full_refresh: bool
) -> Iterator[Connector]:
    """A table of a SQLite file."""
    yield from _by_watermark(
        Sqlite(contract.source, path), contract=contract, entity=entity, server=server, full_refresh=full_refresh
    )


def postgresql_connectors(
    contract: Contract, *, entity: Entity, server: Server, url: str | None, full_refresh: bool
) -> Iterator[Connector]:
    """A table of a PostgreSQL database."""
    uri = url or f"postgresql://{server.host}:{server.port}/{server.database}"
    dialect, options = PostgreSql(contract.source, uri, server.schema_ or "public"), server_options(server)
    if (
        _option(
            contract,
            options=options,
            name="replication",
            default="none",
            is_right=_REPLICATION.__contains__,
            expected="none or logical",
        )
        == "logical"
    ):
        yield ChangesConnector(dialect, entity, options.get("slotPrefix"))
        # The log holds every delete but those from before it was read.
        if full_refresh and entity.deletes.mode == "compare":
            yield KeysConnector(dialect, entity, is_agreed=True)
    else:
        yield from _by_watermark(dialect, contract=contract, entity=entity, server=server, full_refresh=full_refresh)


def _by_watermark(
    dialect: Dialect, *, contract: Contract, entity: Entity, server: Server, full_refresh: bool
) -> Iterator[Connector]:
    options = server_options(server)
    hours = _option(
        contract,
        options=options,
        name="overlapHours",
        default=OVERLAP / timedelta(hours=1),
        is_right=_is_hours,
        expected="a number of hours",
    )
    yield SqlConnector(dialect, entity, timedelta(hours=hours))
    if entity.deletes.mode == "compare":
        yield KeysConnector(dialect, entity, is_agreed=full_refresh)


def _is_hours(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _option(
    contract: Contract, *, options: dict[str, Any], name: str, default: Any, is_right: Any, expected: str
) -> Any:
    value = options.get(name, default)
    if not is_right(value):
        raise ContractError(
            f"{contract.source}: `{name}` of a server should be {expected}, not {value!r}", cure="correct the contract"
        )
    return value

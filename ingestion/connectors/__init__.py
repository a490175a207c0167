"""Stock connectors, one module per transport, configured by contracts alone; none is written for a source."""

from collections.abc import Iterator
from pathlib import Path

from open_data_contract_standard.model import Server

from ingestion.connectors.base import Connector
from ingestion.connectors.files import FORMATS, FilesConnector
from ingestion.contract import Contract, ContractError, Entity
from lake.settings import load_settings

#: Servers of these formats bring the newest rows live, beside the drops that bring the rest; others replace them.
STREAMS = ("mqtt",)


def connectors_for(contract: Contract, entity: Entity) -> Iterator[Connector]:
    """The connectors that read an entity in this environment, made when they are asked for.

    Raises:
        ContractError: no stock connector reads such a server.
    """
    environment = "services" if load_settings().services else "embedded"
    server = contract.server(environment)
    if server.format in STREAMS:
        yield _connector(contract, entity, contract.server("embedded"))
    yield _connector(contract, entity, server)


def _connector(contract: Contract, entity: Entity, server: Server) -> Connector:
    if server.type == "local" and server.format in FORMATS:
        return FilesConnector(local_path(server), entity, server.format, server.delimiter or ",")
    raise ContractError(
        f"{contract.source}: no connector reads a server of type {server.type!r} and format {server.format!r}",
        cure="correct `servers` in the contract",
    )


def local_path(server: Server) -> Path:
    """Where a local server's files are; a relative path is below the root of the sources."""
    return load_settings().sources_root / (server.path or "")

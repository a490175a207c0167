"""Stock connectors, one module per transport, configured by contracts alone; none is written for a source."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from open_data_contract_standard.model import Server

from ingestion.connectors.base import Connector
from ingestion.contract import Contract, ContractError, Entity
from lake.settings import load_settings, source_url

#: Servers of these formats bring the newest rows live, beside the drops that bring the rest; others replace them.
STREAMS = ("mqtt",)
FILE_FORMATS = ("csv", "jsonl", "parquet")


def connectors_for(contract: Contract, entity: Entity) -> Iterator[Connector]:
    """The connectors that read an entity in this environment, made when they are asked for.

    Raises:
        ContractError: no stock connector reads such a server.
    """
    environment = "services" if load_settings().services else "embedded"
    server = contract.server(environment)
    if server.format in STREAMS:
        yield _connector(contract, entity, contract.server("embedded"), None)
    yield _connector(contract, entity, server, source_url(contract.source))


def _connector(contract: Contract, entity: Entity, server: Server, url: str | None) -> Connector:
    # Drivers and clients are loaded only for the transport that needs them: most runs find nothing new.
    if server.type == "local" and server.format in FILE_FORMATS:
        from ingestion.connectors.files import FilesConnector

        return FilesConnector(_local_path(server, url), entity, server.format, server.delimiter or ",")
    if server.type == "local" and server.format == "sqlite":
        from ingestion.connectors.dialects import Sqlite
        from ingestion.connectors.sql import SqlConnector

        return SqlConnector(Sqlite(contract.source, _local_path(server, url)), entity)
    if server.type == "postgresql":
        from ingestion.connectors.dialects import PostgreSql
        from ingestion.connectors.sql import SqlConnector

        uri = url or f"postgresql://{server.host}:{server.port}/{server.database}"
        return SqlConnector(PostgreSql(contract.source, uri, server.schema_ or "public"), entity)
    if server.type == "api":
        from ingestion.connectors.rest import RestConnector

        return RestConnector(url or server.location or "", entity)
    if server.format == "mqtt":
        from ingestion.connectors.mqtt import MqttConnector

        return MqttConnector(url or f"mqtt://{server.host}:{server.port}", server.stream or "", entity)
    raise ContractError(
        f"{contract.source}: no connector reads a server of type {server.type!r} and format {server.format!r}",
        cure="correct `servers` in the contract",
    )


def is_absent(contract: Contract) -> bool:
    """Whether the sources are a replayed world (it has a clock) that holds nothing of this one: no folder, no address.

    A real data set fills some systems only; a company's own source is never absent, only out of reach.
    """
    settings = load_settings()
    is_replayed = (settings.sources_root / "clock.json").exists() and not settings.services
    return (
        is_replayed and source_url(contract.source) is None and not (settings.sources_root / contract.source).exists()
    )


def _local_path(server: Server, url: str | None) -> Path:
    """Where a local server's files are; a relative path is below the root of the sources."""
    return load_settings().sources_root / (urlsplit(url).path if url else server.path or "")

"""Stock connectors, one folder per transport, configured by contracts alone; none is written for a source."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from open_data_contract_standard.model import Server

from contracts.contract_file import Contract, ContractError, Entity, server_options
from contracts.settings import load_settings, source_url
from ingestion.connectors.base import Connector, LiveConnector
from lake.s3 import access

if TYPE_CHECKING:
    from ingestion.connectors.drops.folder import Folder

#: Transports that bring the newest rows live, in addition to the drops that bring the rest (other servers replace the
#: drops); with the schemes of their addresses.
STREAMS = {"mqtt": ("mqtt", "mqtts"), "kafka": ("kafka", "kafkas")}
FILE_FORMATS = ("csv", "jsonl", "parquet")


def connectors_for(contract: Contract, entity: Entity, *, full_refresh: bool = False) -> Iterator[Connector]:
    """The connectors that read an entity in this environment, made when they are asked for.

    Args:
        full_refresh: somebody asked for all of the source: what looks like a mistake there is agreed.

    Raises:
        ContractError: no stock connector reads such a server.
    """
    environment = "services" if load_settings().services else "embedded"
    server, url = contract.server(environment), source_url(contract.source)
    databases = _database_connectors(contract, entity=entity, server=server, url=url, full_refresh=full_refresh)
    if databases is not None:
        yield from databases
        return
    live = stream_server(contract)
    if live is None or not (live is server or _leads_to(live, url)):
        yield _connector(contract, entity=entity, server=server, url=url)
        return
    drops = contract.server("embedded")
    if drops is not live:
        yield _connector(contract, entity=entity, server=drops, url=None)
    yield _connector(contract, entity=entity, server=live, url=url)


def stream_server(contract: Contract) -> Server | None:
    """The server over which a source's newest rows come live, None where there is none."""
    return next((server for server in contract.servers if _transport(server) in STREAMS), None)


def live_connector(contract: Contract, entity: Entity) -> LiveConnector:
    """The connector of an entity's stream, to be followed as long as one likes.

    Raises:
        ContractError: the source has no stream.
    """
    server, url = stream_server(contract), source_url(contract.source)
    if server is None:
        raise ContractError(
            f"{contract.source} has no stream that could be followed",
            cure=f"name another source, or add a server for {' or '.join(STREAMS)} to its contract",
        )
    return _live_connector(entity, server, url if _leads_to(server, url) else None, follow=True)


def _database_connectors(
    contract: Contract, *, entity: Entity, server: Server, url: str | None, full_refresh: bool
) -> Iterator[Connector] | None:
    if server.type == "postgresql":
        from ingestion.connectors.databases import postgresql_connectors

        return postgresql_connectors(contract, entity=entity, server=server, url=url, full_refresh=full_refresh)
    if server.type == "local" and server.format == "sqlite":
        from ingestion.connectors.databases import sqlite_connectors

        return sqlite_connectors(
            contract, entity=entity, server=server, path=_local_path(server, url), full_refresh=full_refresh
        )
    if entity.deletes.mode == "compare":
        raise ContractError(
            f"{entity.source}/{entity.name}: only the keys of a database's table can be compared",
            cure="set `deletes` to none, or to soft where a column of the records says it",
        )
    return None


def _connector(contract: Contract, *, entity: Entity, server: Server, url: str | None) -> Connector:
    # Drivers and clients are loaded only for the transport that needs them: most runs find nothing new.
    if server.type in ("local", "s3") and server.format in FILE_FORMATS:
        from ingestion.connectors.drops.files import FilesConnector

        folder = _folder(contract, entity=entity, server=server, url=url)
        encoding = server_options(server).get("encoding")
        return FilesConnector(
            folder, entity=entity, file_format=server.format, delimiter=server.delimiter or ",", encoding=encoding
        )
    if server.type == "api":
        from ingestion.connectors.apis.rest import RestConnector

        return RestConnector(url or server.location or "", entity, server_options(server))
    if _transport(server) in STREAMS:
        return _live_connector(entity, server, url, follow=False)
    raise ContractError(
        f"{contract.source}: no connector reads a server of type {server.type!r} and format {server.format!r}",
        cure="correct `servers` in the contract",
    )


def _folder(contract: Contract, *, entity: Entity, server: Server, url: str | None) -> "Folder":
    place = url or (server.location if server.type == "s3" else None) or ""
    if place.startswith(access.SCHEME):
        from ingestion.connectors.drops.s3_folder import S3Folder

        return S3Folder(
            contract.source, url=place, pattern=entity.physical_name, access=access.store_access(server.endpointUrl)
        )
    if server.type == "s3" and not url:
        raise ContractError(
            f"{contract.source}: a server of type s3 needs its `location`", cure="give it as s3://bucket/prefix"
        )
    from ingestion.connectors.drops.folder import LocalFolder

    return LocalFolder(contract.source, _local_path(server, url), entity.physical_name)


def _live_connector(entity: Entity, server: Server, url: str | None, *, follow: bool) -> LiveConnector:
    if _transport(server) == "kafka":
        from ingestion.connectors.streams.kafka import KafkaConnector

        address = url or f"kafka://{server.host}" + (f":{server.port}" if server.port else "")
        return KafkaConnector(address, server.stream or entity.physical_name, entity, follow=follow)
    from ingestion.connectors.streams.mqtt import MqttConnector

    return MqttConnector(url or f"mqtt://{server.host}:{server.port}", server.stream or "", entity, follow=follow)


def _transport(server: Server) -> str | None:
    return server.type if server.type == "kafka" else server.format


def _leads_to(server: Server, url: str | None) -> bool:
    """Whether an address is one of this stream's transport."""
    return url is not None and urlsplit(url).scheme in STREAMS[_transport(server) or ""]


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

"""Listens on loopback and serves the page until it is told to end."""

import logging

import uvicorn

from contracts.settings import load_settings
from web.loopback_guard import loopback
from web.person.app import make_app


def serve(host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serve the page; requests are not logged, since who looked at whom stands in `ops/access_log`.

    Raises:
        HostError: the host is not a loopback address.
    """
    address = loopback(host)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    config = uvicorn.Config(
        make_app(),
        host=address,
        port=load_settings().port_person if port is None else port,
        access_log=False,
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )
    uvicorn.Server(config).run()

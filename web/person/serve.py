"""Serves the person page on loopback until it is asked to end."""

from contracts.settings import load_settings
from web.person.app import make_app
from web.serving import LoopbackServer


def serve(host: str = "127.0.0.1", port: int | None = None) -> None:
    """Serve the page; without a port on the one of the settings.

    Raises:
        HostError: the host is not a loopback address.
        PortTakenError: something else has the port.
    """
    port = load_settings().port_person if port is None else port
    with LoopbackServer(make_app(), host=host, port=port, what="person") as server:
        server.serve_forever()

"""Where a page of the product may listen: on this machine's loopback, on a port that is free.

LakeError
├── HostError        the address is not loopback
└── PortTakenError   something else has the port
"""

import ipaddress
import socket

from contracts.errors import LakeError
from contracts.loopback import is_loopback


class HostError(LakeError):
    """A server may not listen on the address that was asked for."""

    exit_code = 2


class PortTakenError(LakeError):
    """A port is in use, or may not be used by this account."""

    exit_code = 2


def loopback_address(host: str) -> str:
    """The loopback address to listen on: `localhost` is 127.0.0.1.

    Raises:
        HostError: others could reach the host.
    """
    if not is_loopback(host):
        raise HostError(
            f"refused to listen on {host}: whoever reaches these pages sees names, telephone numbers and addresses and"
            " can start runs, and there are no log-ins and no roles yet that would say who may",
            cure="keep 127.0.0.1 (or ::1) and reach it through a tunnel: ssh -L 8090:127.0.0.1:8090 <this machine>",
        )
    return "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))


def listen(host: str, port: int, *, what: str) -> socket.socket:
    """A socket that listens on a loopback address; port 0 takes a free one.

    Args:
        what: for whom: dagster, portal, person or feast, as in the setting LAKE_PORT_<WHAT>.

    Raises:
        HostError: others could reach the host.
        PortTakenError: the port cannot be used; names the setting that moves it.
    """
    address = loopback_address(host)
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise PortTakenError(
            f"port {port} on {address}, for {what}, cannot be used ({error.strerror})",
            cure=f"stop what listens there, or set LAKE_PORT_{what.upper()} to a free port",
        ) from None
    return listening


def is_listening(host: str, port: int) -> bool:
    """Whether something answers on a port of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((host, port)) == 0


def host_in_url(host: str) -> str:
    """A host as it stands in an address: IPv6 between brackets."""
    return f"[{host}]" if ":" in host else host

"""Which names and addresses lead to this machine alone: asked where pages listen and where a way is not encrypted."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a name or an address leads to this machine alone; names other than `localhost` are not looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

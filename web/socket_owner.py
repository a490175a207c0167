"""Which account of this machine holds the other end of a loopback connection, as the kernel knows it."""

import ipaddress
import pwd
import sys
from functools import lru_cache
from pathlib import Path

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}
_OWNER = 7  # the column of the socket's user


def owner_of(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The number of the account whose socket `client` (host, port) is; None where the kernel does not tell."""
    wanted = [_as_kernel(*client), _as_kernel(*server)]
    try:
        with _TABLES[ipaddress.ip_address(client[0]).version].open() as sockets:
            for line in sockets:
                columns = line.split()
                if columns[1:3] == wanted:
                    return int(columns[_OWNER])
    except OSError:
        return None
    return None


def _as_kernel(host: str, port: int) -> str:
    """An address as /proc/net/tcp writes it: 32-bit words in this machine's order, the port as it is."""
    packed = ipaddress.ip_address(host).packed
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


@lru_cache
def name_of(number: int) -> str:
    """The name of an account."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"

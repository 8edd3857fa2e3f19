"""The listening socket of the server, and the names under which a browser may address it.

The only module of the package that accepts connections; `data/download.py` is the only one that opens any.
"""

from __future__ import annotations

import errno
import socket

from ddpm.errors import RequestError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at `host` and `port` (0: any free port).

    RequestError if the port is taken or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RequestError(
                f"Port {port} of {host} is in use; pass another --port, or --port 0 for a free one."
            ) from error
        if error.errno == errno.EACCES:
            raise RequestError(
                f"Port {port} needs rights that this user lacks; pass a --port above 1023."
            ) from error
        raise RequestError(
            f"{host} is not an address of this machine; pass another --host, or leave it out."
        ) from error


def port_of(listening: socket.socket) -> int:
    """Return the port at which a socket listens."""
    return int(listening.getsockname()[1])


def host_names(host: str, port: int) -> frozenset[str]:
    """Return the values that the header Host may have: names of this machine, with the port.

    Any other name belongs to a page that reached the server through a foreign name (DNS rebinding).
    """
    names = {*LOOPBACK, host.lower()}
    if host in EVERY_ADDRESS:
        own = socket.gethostname().lower()
        names |= {own, *_addresses(own)}
    written = {f"[{name}]" if ":" in name else name for name in names.difference(EVERY_ADDRESS)}
    return frozenset(f"{name}:{port}" for name in written) | (
        written if port == 80 else frozenset()
    )


def _addresses(name: str) -> set[str]:
    try:
        return {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        return set()

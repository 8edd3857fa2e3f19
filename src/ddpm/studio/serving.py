"""The server's life: it listens, prints its address, opens the browser, and serves until Ctrl-C."""

from __future__ import annotations

import asyncio
import webbrowser
from types import FrameType
from typing import Any

import uvicorn

from ddpm.errors import RequestError
from ddpm.studio.access import Access
from ddpm.studio.app import make_gate
from ddpm.studio.connection_protocol import limited_protocol
from ddpm.studio.listener import LOOPBACK, host_names, listen, port_of
from ddpm.studio.services import Services
from ddpm.studio.studio_request import StudioRequest
from ddpm.terminal import print_result

SHUTDOWN_SECONDS = 3  # for requests that are being answered when the server ends


def serve(request: StudioRequest) -> None:
    """Serve the studio until Ctrl-C, which raises KeyboardInterrupt.

    RequestError: the port is taken, the address is not of this machine, or one that others reach has
    no token of its own.
    """
    _check(request)
    with listen(request.host, request.port) as listening:
        port = port_of(listening)
        StudioServer(Services(request), Access(request.token), port).run(sockets=[listening])


def _check(request: StudioRequest) -> None:
    """Raise RequestError for a request that cannot be served."""
    if request.host not in LOOPBACK and request.token is None:
        raise RequestError(
            f"Others can reach {request.host}, so pass a token of your own: --token, 16 letters or more."
        )
    if request.runs.exists() and not request.runs.is_dir():
        raise RequestError(f"{request.runs} is a file; pass a folder that holds runs.")
    for folder in request.allow:
        if not folder.is_dir():
            raise RequestError(f"There is no folder {folder}; pass an existing one to --allow.")


def _shown_host(host: str) -> str:
    """Return the host as it stands in an address that a browser of this machine opens."""
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


class StudioServer(uvicorn.Server):
    """Server that prints its address once it answers, and ends the event streams before itself."""

    def __init__(self, services: Services, access: Access, port: int) -> None:
        request = services.request
        gate = make_gate(services, access, host_names(request.host, port))
        super().__init__(
            uvicorn.Config(
                gate,
                http=limited_protocol(request.limits.head_seconds),
                log_level="warning",
                access_log=False,
                server_header=False,
                ws="none",
                lifespan="on",
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._services, self._access = services, access
        self._address = f"http://{_shown_host(request.host)}:{port}/"

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Start to answer, print the address, and open it in the browser if asked to."""
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        print_result(f"{self._address}?token={self._access.token}")
        if not self._services.request.no_browser:
            page = f"{self._address}?token={self._access.new_ticket()}"
            self._loop.run_in_executor(None, webbrowser.open, page)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End the event streams, then the server: an open page does not hold it up."""
        super().handle_exit(sig, frame)
        self._loop.call_soon_threadsafe(self._services.events.close)

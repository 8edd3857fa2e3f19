"""Protocol of one connection to the server: HTTP/1.1 with a limit on how long a request may take to begin.

uvicorn waits for the end of the headers without a limit, and forgets its limit on idle connections at the
first byte. A client that sends a header a minute would hold its connection for as long as it likes
(Slowloris). A body has limits of its own, in `request_bodies.py`.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def limited_protocol(seconds: float) -> type[H11Protocol]:
    """Return the protocol that closes a connection without a complete request head within `seconds`."""

    class LimitedProtocol(H11Protocol):
        """HTTP/1.1 whose request heads must be complete within `seconds`."""

        _head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._limit_head()

        def handle_events(self) -> None:
            super().handle_events()
            self._limit_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_head_timer()
            super().connection_lost(exc)

        def _limit_head(self) -> None:
            """Let the timer run from the end of an answer (or the start) to the end of the next head."""
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_head_timer()
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

        def _stop_head_timer(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

    return LimitedProtocol

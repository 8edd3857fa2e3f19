"""Access to the server: the token, and tickets that open the page once."""

from __future__ import annotations

import hmac
import secrets


class Access:
    """The token of a server, which every request must carry, and tickets that stand for it once.

    The address that is handed to the browser holds a ticket: other users of the machine can read the
    command lines of its processes, so the token must not stand there.
    """

    def __init__(self, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self._tickets: set[str] = set()

    def accepts(self, text: str) -> bool:
        """Return whether `text` is the token. The time it takes tells nothing about the token."""
        return hmac.compare_digest(text.encode(), self.token.encode())

    def new_ticket(self) -> str:
        """Return a text that `redeem` accepts once."""
        ticket = secrets.token_urlsafe(32)
        self._tickets.add(ticket)
        return ticket

    def redeem(self, text: str) -> bool:
        """Return whether `text` is the token or an unused ticket, which is used up by this call."""
        if text in self._tickets:
            self._tickets.remove(text)
            return True
        return self.accepts(text)

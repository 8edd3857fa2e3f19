"""Events for the page as server-sent events (HTML Living Standard, section 9.2)."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

KEPT_EVENTS = 2000  # that a reader who comes back can still get
RESET = json.dumps({"kind": "reset", "id": ""})
HEARTBEAT = 15.0  # seconds of silence after which a comment shows that the connection lives


class EventStream:
    """The latest events of a server, which any number of readers follow at their own pace.

    A reader that comes back names the last event it saw (`Last-Event-ID`) and gets those it missed. If
    they are no longer kept, or belong to an earlier server, it gets an event of kind `reset` and has to
    ask for everything again. Slow readers cost no memory: all share one list.
    """

    def __init__(
        self, version: str = "", kept: int = KEPT_EVENTS, heartbeat: float = HEARTBEAT
    ) -> None:
        self._server = secrets.token_hex(
            4
        )  # part of the ids: those of another server mean nothing here
        self._events: deque[tuple[int, str]] = deque(maxlen=kept)
        self._last = 0
        self._version, self._heartbeat = version, heartbeat
        self._news = asyncio.Event()
        self._is_closed = False
        self.readers = 0
        self.has_reader = asyncio.Event()

    def publish(self, kind: str, id: str, fields: dict[str, Any]) -> None:
        """Append the event {…fields, kind, id}. Call it in the thread of the event loop."""
        self._last += 1
        event = {"kind": kind, "id": id}
        self._events.append((self._last, json.dumps(event | fields | event)))
        self._wake()

    def close(self) -> None:
        """End the stream of every reader."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def read(self, last_id: str | None = None) -> AsyncIterator[str]:
        """Yield the events after `last_id` as text of the event stream; from now on without one."""
        self.readers += 1
        self.has_reader.set()
        try:
            position = self._position(last_id)
            yield "retry: 1000\n"
            yield self._text(self._last if position is None else position, self._hello())
            if position is None:
                position = self._last
                yield self._text(position, RESET)
            while not self._is_closed:
                news = self._news
                if self._events and position < self._events[0][0] - 1:  # too slow a reader
                    position = self._last
                    yield self._text(position, RESET)
                for number, text in [event for event in self._events if event[0] > position]:
                    position = number
                    yield self._text(number, text)
                if news is self._news and not self._is_closed:
                    try:
                        await asyncio.wait_for(news.wait(), self._heartbeat)
                    except TimeoutError:
                        yield ": alive\n\n"
        finally:
            self.readers -= 1
            if not self.readers:
                self.has_reader.clear()

    def _position(self, last_id: str | None) -> int | None:
        """Return the number of the last event seen; None if events may be missing."""
        if last_id is None:
            return self._last
        server, _, number = last_id.partition("-")
        if server != self._server or not number[:18].isdecimal():
            return None
        seen = int(number[:18])
        first = self._events[0][0] if self._events else self._last + 1
        return seen if first - 1 <= seen <= self._last else None

    def _hello(self) -> str:
        return json.dumps({"kind": "hello", "id": "", "version": self._version})

    def _text(self, number: int, text: str) -> str:
        return f"id: {self._server}-{number}\ndata: {text}\n\n"

"""An ASGI application called without a socket, and the studio's application for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

Answer = TypeVar("Answer")
TOKEN = "0123456789abcdefghij"
HOST = "127.0.0.1:8765"
HEADERS = {"host": HOST, "authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Response:
    """What an application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def call(
    app: Any,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    parts: Iterable[bytes] = (),
    *,
    ends: bool = True,
) -> Response:
    """Send one request. With `ends` False the client hangs up after the parts."""
    path, _, query = path.partition("?")
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append(
        {"type": "http.request", "body": b"", "more_body": False}
        if ends
        else {"type": "http.disconnect"}
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()  # an open connection that says nothing more
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    lines = HEADERS if headers is None else headers
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "scheme": "http",
        "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in lines.items()],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    start = sent[0]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return Response(start["status"], named, body)


def answer(app: Any, method: str, path: str, body: Any = None, **options: Any) -> Response:
    """Send one request with the token, and `body` as JSON; bytes are sent as they are."""
    headers = {**HEADERS, "content-type": "application/json", **options.pop("headers", {})}
    parts = [] if body is None else [body if isinstance(body, bytes) else json.dumps(body).encode()]
    return run(call(app, method, path, headers, parts, **options))


def run(work: Awaitable[Answer]) -> Answer:
    """Run a coroutine to its end."""

    async def whole() -> Answer:
        return await work

    return asyncio.run(whole())

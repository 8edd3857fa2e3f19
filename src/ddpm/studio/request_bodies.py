"""Bodies of requests, counted while they stream in and refused before anything decodes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ddpm.quantities import format_bytes
from ddpm.studio.refusals import RefusalError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_SLOW = "The request came in too slowly; send it again."
_TRUNCATED = "The connection ended in the middle of the request; send it again."


def too_large(limit: int) -> RefusalError:
    """Return the refusal of a body of more than `limit` bytes."""
    return RefusalError(
        413, f"The request is too large; at most {format_bytes(limit)} are accepted."
    )


def counted(receive: Receive, limit: int, seconds: float) -> Receive:
    """Return `receive` that raises RefusalError beyond `limit` bytes, or if a part takes over `seconds`."""
    total, more = 0, True

    async def receive_part() -> Message:
        nonlocal total, more
        if not more:  # the body is complete; what comes now is the end of the connection
            return await receive()
        message = await _within(receive, seconds)
        total, more = total + len(message.get("body", b"")), message.get("more_body", False)
        if total > limit:
            raise too_large(limit)
        return message

    return receive_part


async def buffered(receive: Receive, limit: int, seconds: float) -> Receive:
    """Read the whole body within `seconds` and return a `receive` that hands it on.

    RefusalError: more than `limit` bytes, too slow, or truncated.
    """
    body = bytearray()

    async def read() -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RefusalError(400, _TRUNCATED)
            body.extend(message.get("body", b""))
            if len(body) > limit:
                raise too_large(limit)
            more = message.get("more_body", False)

    try:
        await asyncio.wait_for(read(), seconds)
    except TimeoutError:
        raise RefusalError(408, _SLOW) from None
    is_read = False

    async def replay() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay


async def _within(receive: Receive, seconds: float) -> Message:
    try:
        message = await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        raise RefusalError(408, _SLOW) from None
    if message["type"] == "http.disconnect":
        raise RefusalError(400, _TRUNCATED)
    return message

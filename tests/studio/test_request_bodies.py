"""Bodies that are too large, too slow or cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from ddpm.studio.refusals import RefusalError
from ddpm.studio.request_bodies import Receive, buffered, counted
from tests.studio.asgi import run

END = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


def part(body: bytes) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": True}


def receive_of(messages: Iterable[dict[str, Any]]) -> Receive:
    """A client that sends messages and then nothing more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def refused(messages: list[dict[str, Any]], *, limit: int = 10, seconds: float = 5.0) -> list[int]:
    """The statuses with which `buffered` and `counted` refuse."""

    async def read_all(receive: Receive) -> None:
        while (await receive()).get("more_body"):
            pass

    found = []
    for read in (buffered(receive_of(messages), limit, seconds), None):
        work = read or read_all(counted(receive_of(messages), limit, seconds))
        with pytest.raises(RefusalError) as error:
            run(work)  # type: ignore[arg-type]
        found.append(error.value.status)
    return found


def test_more_bytes_than_allowed_are_refused_while_they_come() -> None:
    assert refused([part(b"x" * 6), part(b"x" * 5)]) == [413, 413]  # no end was ever sent


def test_a_client_that_stops_sending_is_refused() -> None:
    assert refused([part(b"x")], seconds=0.01) == [408, 408]


def test_a_body_that_is_cut_off_is_refused() -> None:
    assert refused([part(b"x"), GONE]) == [400, 400]


def test_a_buffered_body_arrives_whole_and_once() -> None:
    async def read() -> list[dict[str, Any]]:
        receive = await buffered(receive_of([part(b"ab"), part(b"c"), END, GONE]), 3, 5)
        return [dict(await receive()), dict(await receive())]

    assert run(read()) == [{"type": "http.request", "body": b"abc", "more_body": False}, GONE]


def test_the_end_of_a_connection_after_the_body_is_no_fault() -> None:
    async def read() -> list[str]:
        receive = counted(receive_of([part(b"abc"), END, GONE]), 3, 0.05)
        return [(await receive())["type"] for _ in range(3)]

    assert run(read()) == ["http.request", "http.request", "http.disconnect"]

"""Connections whose requests begin too slowly, or never: they are closed, and no others."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ddpm.studio.studio_request import Limits, StudioRequest
from tests.studio.asgi import TOKEN
from tests.studio.live import LIMIT, Client, serving

SECONDS = 0.2
HEAD = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("heads")
    with serving(StudioRequest(folder / "runs", limits=Limits(head_seconds=SECONDS))) as (found, _):
        yield found


def connected(client: Client) -> socket.socket:
    """Return a connection to the server."""
    return socket.create_connection(("127.0.0.1", client.port), timeout=LIMIT)


def dripped(connection: socket.socket) -> bytes:
    """Send a header again and again until the server closes; return what it answered."""
    connection.settimeout(SECONDS / 20)
    answered = b""
    for number in range(2000):
        try:
            connection.sendall(b"X-%d: y\r\n" % number)
            part = connection.recv(1000)
        except TimeoutError:
            continue
        except ConnectionError:
            return answered
        if not part:
            return answered
        answered += part
    raise AssertionError("the connection stays open")


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_never_ends_is_not_waited_for(client: Client, sent: bytes) -> None:
    with connected(client) as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


def test_a_head_that_comes_slowly_is_not_waited_for(client: Client) -> None:
    with connected(client) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        assert dripped(connection) == b""


def test_the_limit_holds_for_the_second_request_of_a_connection(client: Client) -> None:
    head = HEAD % (client.port, TOKEN.encode())
    with connected(client) as connection:
        connection.sendall(head + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(head)
        assert b"HTTP/1.1" not in dripped(connection)


def test_a_body_that_nobody_reads_does_not_hold_the_connection(client: Client) -> None:
    head = HEAD % (client.port, TOKEN.encode())
    with connected(client) as connection:
        connection.sendall(head + b"Content-Length: 1000000\r\n\r\n")
        assert dripped(connection).startswith(b"HTTP/1.1 200")


def test_an_answer_that_goes_on_is_not_cut_off(client: Client) -> None:
    with client.events() as events, connected(client) as idle:
        assert next(events)["kind"] == "hello"
        assert idle.recv(1000) == b""  # the limit has passed
        started = client.post("/api/draws", {"model": "bundled:digits", "n": 1}).json()
        assert started["id"] in (event["id"] for event in events)
        client.post(f"/api/draws/{started['id']}/cancel")

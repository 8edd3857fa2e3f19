"""A studio that really serves: in this process for most tests, in its own for those that kill it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ddpm.studio.access import Access
from ddpm.studio.child_processes import child_environment, module_command
from ddpm.studio.listener import listen, port_of
from ddpm.studio.services import Services
from ddpm.studio.serving import StudioServer
from ddpm.studio.studio_request import StudioRequest
from tests.studio.asgi import TOKEN, Response

LIMIT = 120.0  # seconds for anything to happen
FINISHED = ("done", "failed", "cancelled")


class Client:
    """Requests with the token to a server at a port of this machine."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.port, self.token = port, token

    def send(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Response:
        """Send one request and return the whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        headers = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            headers["Content-Type"] = kind
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            found = connection.getresponse()
            lines = {name.lower(): value for name, value in found.getheaders()}
            return Response(found.status, lines, found.read())

    def get(self, path: str) -> Any:
        """Return the JSON of an address, which must answer with 200."""
        found = self.send("GET", path)
        assert found.status == 200, (path, found.status, found.body[:500])
        return found.json()

    def post(self, path: str, body: Any = None) -> Response:
        """Send JSON."""
        return self.send("POST", path, json.dumps(body or {}).encode())

    def content(self, path: str) -> bytes:
        """Return the bytes of an address, which must answer with 200."""
        found = self.send("GET", path)
        assert found.status == 200, (path, found.status, found.body[:500])
        return found.body

    @contextlib.contextmanager
    def events(self, path: str = "/api/events") -> Iterator[Iterator[dict[str, Any]]]:
        """Yield the events of a stream, the greeting first; leaving the block hangs up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            with connection.getresponse() as stream:
                assert stream.status == 200, stream.read()
                lines = iter(stream.readline, b"")
                yield (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))

    def drawn(self, **body: Any) -> dict[str, Any]:
        """Ask for a drawing and return it once it has ended."""
        started = self.post("/api/draws", body)
        assert started.status == 202, started.body
        return self.ended(f"/api/draws/{started.json()['id']}")

    def ended(self, path: str) -> dict[str, Any]:
        """Return a job once it has ended."""
        found: dict[str, Any] = {}

        def has_ended() -> bool:
            found.update(self.get(path))
            return found["state"] in FINISHED

        until(has_ended)
        return found


def until(happens: Callable[[], bool]) -> None:
    """Ask again and again until something has happened."""
    end = time.monotonic() + LIMIT
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextlib.contextmanager
def serving(request: StudioRequest) -> Iterator[tuple[Client, Services]]:
    """Serve a studio in a thread of this process."""
    with listen("127.0.0.1", 0) as listening:
        services = Services(request)
        server = QuietServer(services, Access(TOKEN), port_of(listening))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            yield Client(port_of(listening)), services
        finally:
            server.handle_exit(2, None)
            thread.join()


class QuietServer(StudioServer):
    """Server that leaves the signals of the test alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class StudioProcess:
    """`ddpm studio` in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [*module_command("ddpm"), "studio", "--no-browser", "--port", "0", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=child_environment(COLUMNS="200"),
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([\w~.-]{16,})", self.address)
        assert found is not None, (self.address, self.process.stderr and self.process.stderr.read())
        self.client = Client(int(found[1]), found[2])

    def __enter__(self) -> StudioProcess:
        return self

    def __exit__(self, *error: object) -> None:
        """End the process if the test did not, so that a test that fails leaves none behind."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate(timeout=LIMIT)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal and return the exit status and what was printed to standard error."""
        os.kill(self.process.pid, number)
        _, errors = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, errors


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

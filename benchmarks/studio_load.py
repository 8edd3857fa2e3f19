"""How fast `ddpm studio` answers while far more drawings are asked for than it queues.

python -m benchmarks.studio_load --drawings 200
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

CLIENTS = 16  # that ask at the same time
DRAWING = {"model": "bundled:mnist", "sampler": "ancestral", "steps": 1000, "n": 25}
PAUSE = 0.01  # seconds between two questions for the health


@dataclass
class Load:
    """What was answered: statuses of the drawings, and milliseconds of /api/health meanwhile."""

    accepted: int = 0
    refused: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def summary(self) -> str:
        """Return one line."""
        worst = max(self.milliseconds)
        return (
            f"{self.accepted} drawings queued, {self.refused} refused; health: median "
            f"{statistics.median(self.milliseconds):.1f} ms, at worst {worst:.0f} ms "
            f"({len(self.milliseconds)} answers, load {os.getloadavg()[0]:.0f})"
        )


@contextlib.contextmanager
def serving() -> Iterator[tuple[int, str]]:
    """Serve a studio over an empty folder; yield its port and token."""
    words = [sys.executable, "-m", "ddpm", "studio", "--no-browser", "--port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        found = re.search(r":(\d+)/\?token=(\S+)", process.stdout.readline())
        assert found is not None
        try:
            yield int(found[1]), found[2]
        finally:
            process.kill()
            process.communicate()


def ask(port: int, token: str, path: str, body: Any = None) -> int:
    """Send one request and return its status."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def measure(drawings: int, seconds: float, drawing: dict[str, Any] = DRAWING) -> Load:
    """Ask for `drawings` at once, and for the health until `seconds` after the last one."""
    load, done = Load(), threading.Event()
    with serving() as (port, token):
        ask(port, token, "/api/samplers")  # once the worker has started

        def ask_health() -> None:
            while not done.is_set():
                start = time.perf_counter()
                assert ask(port, token, "/api/health") == 200
                load.milliseconds.append(1000 * (time.perf_counter() - start))
                time.sleep(PAUSE)

        thread = threading.Thread(target=ask_health)
        thread.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = range(drawings)
            statuses = list(pool.map(lambda _: ask(port, token, "/api/draws", drawing), asked))
        time.sleep(seconds)
        done.set()
        thread.join()
    load.accepted, load.refused = statuses.count(202), statuses.count(429)
    return load


def main() -> None:
    """Print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drawings", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0, help="to go on asking (default: 5)")
    options = parser.parse_args()
    print(measure(options.drawings, options.seconds).summary())


if __name__ == "__main__":
    main()

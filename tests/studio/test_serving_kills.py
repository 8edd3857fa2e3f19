"""The server killed in the middle of a training and a drawing: nothing is lost, nothing is left over."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from ddpm.files import TEMP_PREFIX
from ddpm.runs import RunFolder
from ddpm.studio.trainings import Trainings
from tests.studio.live import StudioProcess, is_alive, until

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists() or sys.platform == "win32", reason="reads /proc"
)
SETTINGS = {
    "network.channels": 8,
    "network.attention": [],
    "sampling.steps": 2,
    "training.checkpoint_every": 10,
}


def children_of(pid: int) -> set[int]:
    """Return the processes whose parent is `pid`."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(path.parent.name))
    return found


def test_a_killed_server_ends_its_worker_and_no_training(workplace: Path, runs: Path) -> None:
    with StudioProcess(workplace) as studio:
        training, reached = start_and_kill(studio, runs)
    with StudioProcess(workplace) as studio:
        find_and_stop(studio, runs, training, reached)


def start_and_kill(studio: StudioProcess, runs: Path) -> tuple[int, int]:
    """Train and draw, kill the server, and return the training's process and the step it had reached."""
    client = studio.client
    started = client.post(
        "/api/trainings", {"preset": "digits", "steps": 10**6, "settings": SETTINGS}
    )
    assert started.status == 202, started.body
    run, trainings = RunFolder(runs / "digits"), Trainings(runs, 1)
    body = {"model": "bundled:mnist", "sampler": "ancestral", "steps": 1000, "n": 25}
    drawing = client.post("/api/draws", body).json()
    until(lambda: bool(client.get(f"/api/draws/{drawing['id']}")["frames"]))
    until(lambda: bool(run.checkpoint_steps()))
    training = trainings.pid(run)
    assert training is not None
    worker = children_of(studio.process.pid) - {training}
    assert len(worker) == 1

    studio.end(signal.SIGKILL)
    until(lambda: not any(map(is_alive, worker)))
    assert is_alive(training)
    reached = run.checkpoint_steps()[-1]
    until(lambda: run.checkpoint_steps()[-1] > reached)  # it has gone on
    return training, reached


def find_and_stop(studio: StudioProcess, runs: Path, training: int, reached: int) -> None:
    """Find the training in a new server, draw beside it, and stop it."""
    (card,) = studio.client.get("/api/runs")
    assert (card["id"], card["state"]) == ("digits", "training") and card["step"] >= reached
    assert studio.client.get("/api/draws") == []
    again = studio.client.drawn(model="bundled:digits", n=1)
    assert again["state"] == "done" and again["threads"] == 1  # the training keeps the other cores
    assert studio.client.post("/api/runs/digits/stop").status == 200
    until(lambda: studio.client.get("/api/runs")[0]["state"] == "stopped")
    assert studio.client.get("/api/runs/digits")["can"]["resume"]
    studio.end(signal.SIGINT)
    assert not is_alive(training) and not os.path.exists(RunFolder(runs / "digits").lock)
    assert not list(runs.rglob(f"{TEMP_PREFIX}*"))

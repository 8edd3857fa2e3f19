"""Commands that draw chunks of four images and are stopped before the third chunk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

SETTINGS = ["sampling.steps=2", "sampling.chunk=4"]


WORDS = ["sample", "digits", "-n", "10", "--steps", "2", "--set", "sampling.chunk=4"]


KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has no SIGKILL


# Draws chunks of 4 and sends itself the signal before the third.
KILLED = """
import os, sys
from ddpm.cli.main import main
from ddpm.commands.sample import chunked_sampling

drawn, draw = [], chunked_sampling.sample_images

def stop_at_the_third(*words, **named):
    if len(drawn) == 2:
        os.kill(os.getpid(), int(sys.argv[1]))
    drawn.append(0)
    return draw(*words, **named)

chunked_sampling.sample_images = stop_at_the_third
sys.exit(main(sys.argv[2:]))
"""


def stop_by(number: int, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(int(number)), *WORDS, *words]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))


def pixels(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def arrays(path: str) -> dict[str, bytes]:
    with np.load(path) as stored:
        return {name: stored[name].tobytes() for name in stored.files}

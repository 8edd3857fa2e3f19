"""Paths that are not UTF-8, as an old disk or a zip from Windows has them: every command takes them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

LATIN_1 = os.fsdecode(b"caf\xe9")

COMMANDS = """
import os, sys
from ddpm.cli import main

data, run = sys.argv[1:]
for command in (
    ["train", data, "--steps", "2", "--out", run, "--device", "cpu",
     "--set", "training.batch_size=4", "--set", "network.channels=8",
     "--set", "training.memorization_every=0", "--set", "sampling.steps=2", "--set", "sampling.chunk=2"],
    ["train", run, "--steps", "3"],
    ["sample", run, "-n", "2"],
    ["sample", run, "-n", "2", "--out", run + "/drawn.npz"],
    ["export", run, "--to", "safetensors", "--out", run + ".safetensors"],
    ["sample", run + ".safetensors", "-n", "2"],
    ["interpolate", run, "--pairs", "1"],
    ["forward", data, "--out", run + "/forward.png"],
    ["data", "inspect", data],
    ["runs", os.path.dirname(run)],
    ["report", run],
):
    status = main(command)
    if status != 0:
        sys.exit(f"{command[0]} ended with {status}")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows refuse such names")
@pytest.mark.parametrize("ascii_system", [False, True], ids=["UTF-8", "LC_ALL=C"])
def test_every_command_takes_a_path_that_is_not_utf8(tmp_path: Path, ascii_system: bool) -> None:
    folder = tmp_path / LATIN_1
    data, run = folder / f"images-{LATIN_1}", folder / f"run-{LATIN_1}"
    data.mkdir(parents=True)
    for index in range(12):
        pixels = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(data / f"{index}.png")
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    environment = os.environ | (ascii_only if ascii_system else {"PYTHONUTF8": "1"})
    arguments = [sys.executable, "-c", COMMANDS, data, run]
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, check=False)
    said = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, said
    assert "damaged" not in said
    assert b"run-caf\\udce9" in done.stdout  # escaped, never raw
    assert (run / "loss.png").is_file() and (folder / f"run-{LATIN_1}-samples.png").is_file()

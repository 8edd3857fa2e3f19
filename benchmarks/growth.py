"""Growth of time and memory with images, resolution, batch size, samples and solver steps.

    python -m benchmarks.growth                 # measures, writes JSON and the figure, prints the table
    python -m benchmarks.growth --markdown      # the table and the figure of the last measurement

Each point is a fresh process with the network of a preset. Peak memory is counted above the memory of the
process before it built the model, and includes the training images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmarks import machine
from benchmarks.fit import exponent, line
from benchmarks.machine import ROOT, Result, say
from benchmarks.process import Worker
from benchmarks.results import RESULTS, markdown, read, write
from benchmarks.sides import Setup

FIGURE = ROOT / "docs" / "images" / "growth.png"
SIDE, IMAGES = 28, 10_000  # where they are not what is varied
DRAWN, STEPS = 100, 20  # likewise
HEADER = (
    "what grows", "from", "to", "what is measured", "first", "last", "exponent", "theory", "fixed part",
    "off the straight line, at most",
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A quantity to vary: its values, and the growth of time and memory that theory predicts."""

    key: str
    words: str
    values: tuple[int, ...]
    measures: dict[str, tuple[str, str]]  # key: (words, exponent by theory)

    @property
    def timed(self) -> str:
        """Return the name of the measured time."""
        return "drawing" if "drawing" in self.measures else "step"


STEP, DRAWING, PEAK = "a training step, s", "drawing, s", "peak memory, MiB"
AXES = (
    Axis("images", "training images", (1_000, 4_000, 16_000, 64_000, 256_000),
         {"opening": ("reading and caching the images, s", "1"), "step": (STEP, "0"),
          "memory": (PEAK, "up to 1")}),
    Axis("pixels", "pixels an image", (28, 40, 56, 80, 112), {"step": (STEP, "1"), "memory": (PEAK, "1")}),
    Axis("batch", "images a batch", (32, 64, 128, 256, 512), {"step": (STEP, "1"), "memory": (PEAK, "1")}),
    Axis("n", "images drawn", (25, 50, 100, 200, 400), {"drawing": (DRAWING, "1"), "memory": (PEAK, "0")}),
    Axis("steps", "solver steps", (10, 20, 40, 80, 160), {"drawing": (DRAWING, "1"), "memory": (PEAK, "0")}),
)  # fmt: skip


def measure(axis: Axis, value: int, setup: Setup, seconds: float) -> Result:
    """Measure one point of an axis in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        write_images(file, value if axis.key == "images" else IMAGES, _side(axis, value))
        batch = value if axis.key == "batch" else setup.batch
        found = {"x": float(value**2 if axis.key == "pixels" else value)}
        if axis.key == "images":
            found["opening"] = opening_seconds(file)
        with Worker(replace(setup, images=str(file), batch=batch)) as worker:
            if axis.key in ("n", "steps"):
                n, steps = (value, STEPS) if axis.key == "n" else (DRAWN, value)
                found["drawing"] = worker.ask("draw", n=n, steps=steps)["seconds"]
            else:
                worker.ask("warm")
                done = worker.ask("train", seconds=seconds)
                found["step"] = done["seconds"] / done["steps"]
            memory = worker.ask("memory")
    found["memory"] = memory["peak"] - memory["base"] + memory["images"]
    say(f"{axis.key} {value}: {', '.join(f'{k} {v:.3g}' for k, v in found.items() if k != 'x')}")
    return found


def _side(axis: Axis, value: int) -> int:
    return value if axis.key == "pixels" else SIDE


def write_images(file: Path, count: int, side: int) -> None:
    """Return random images, uint8 [count, 1, side, side], all different."""
    random = np.random.default_rng(0)
    np.save(file, random.integers(0, 256, (count, 1, side, side), np.uint8))


def opening_seconds(file: Path) -> float:
    """Return the time that `ddpm train` takes to read a data set for the first time."""
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, DDPM_CACHE_DIR=cache):
        from ddpm.config import Config, DataConfig
        from ddpm.loading.datasets import open_dataset

        began = time.perf_counter()
        open_dataset(Config(data=DataConfig(path=str(file))))
        return time.perf_counter() - began


def table(result: Result) -> str:
    """Return the table: a line for every measure of every axis, with the exponent over its larger half."""
    rows = []
    for axis in AXES:
        points = result["points"][axis.key]
        for key, (words, theory) in axis.measures.items():
            x, y = [p["x"] for p in points], [p[key] for p in points]
            rows.append([
                axis.words, f"{x[0]:,.0f}", f"{x[-1]:,.0f}", words, f"{y[0]:.3g}", f"{y[-1]:.3g}",
                f"**{exponent(x, y):.2f}**", theory, f"{line(x, y).fixed:.3g}", f"{line(x, y).off:.0%}",
            ])  # fmt: skip
    note = (
        f"Network of the preset {result['preset']} ({result['precision']}), batch {result['batch']}, "
        f"1x28x28, {IMAGES:,} images, {DRAWN} drawn with {STEPS} steps, unless it is what grows; without "
        "labels, so that drawing is unguided. The exponent e of y = c · x^e is fitted to the larger half of "
        "the values, where fixed costs weigh least; the fixed part is that of the straight line nearest to "
        "all of them."
    )
    return "\n".join([markdown(HEADER, rows), "", note, machine.line(result["machine"])])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--preset", default="mnist", help="default: %(default)s")
    parser.add_argument("--precision", default="bf16", help="fp32 or bf16 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=6.0, help="a point (default: 6)")
    parser.add_argument(
        "--points", type=int, default=5, choices=range(3, 6), help="values an axis (default: 5)"
    )
    parser.add_argument("--json", type=Path, default=RESULTS / "growth.json")
    parser.add_argument(
        "--figure", type=Path, default=FIGURE, help="default: docs/images/growth.png"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table of --json only")
    options = parser.parse_args()
    if not options.markdown:
        write(options.json, _measure_all(options))
    result = read(options.json)
    from benchmarks.growth_figure import growth_picture

    growth_picture(options.figure, result, AXES)
    print(table(result))


def _measure_all(options: argparse.Namespace) -> Result:
    threads = torch.get_num_threads()
    result: dict[str, Any] = {"machine": machine.describe(threads), "preset": options.preset}
    result |= {"precision": options.precision, "batch": options.batch}
    setup = Setup(
        "ours", options.preset, precision=options.precision, batch=options.batch, threads=threads
    )
    result["points"] = {
        axis.key: [
            measure(axis, value, setup, options.seconds) for value in axis.values[: options.points]
        ]
        for axis in AXES
    }
    return result


if __name__ == "__main__":
    main()

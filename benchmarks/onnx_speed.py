"""Seconds to draw with torch and with onnxruntime, in turns in one process.

    python -m benchmarks.onnx_speed                   # the bundled digits: 3 minutes; nothing else may run
    python -m benchmarks.onnx_speed runs/mine         # any run
    python -m benchmarks.onnx_speed --markdown        # the table of the last measurement

Both sides draw the same seeds with the same settings and the same number of threads: torch in its default
precision and in float32, onnxruntime in float32. The table also says by how much the images differ. With
OMP_NUM_THREADS=1 the processor time hardly depends on what else runs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks import machine
from benchmarks.machine import Result, say
from benchmarks.results import RESULTS, markdown, read, write
from ddpm import open_model
from ddpm.commands.export.export import export
from ddpm.data.image_files import Images
from ddpm.models.base import GenerativeModel, as_diffusion
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images

COUNTS = (1, 25, 400)  # images of one request
CHUNK = 25  # drawn together, at most


def draw(model: GenerativeModel, n: int) -> tuple[float, float, Images]:
    """Return the wall time and the processor time of drawing `n` images by default, and the images."""
    settings = replace(model.spec.config.sampling, chunk=min(n, CHUNK))
    labels = choose_labels(model, range(n), None)
    began, worked = time.perf_counter(), time.process_time()
    with torch.no_grad():
        images = sample_images(model, range(n), labels, settings)
    return time.perf_counter() - began, time.process_time() - worked, images


def sides(target: str, folder: Path) -> dict[str, GenerativeModel]:
    """Return the models to compare, by name: torch's two precisions and the exported file."""
    default, single = open_model(target, "cpu").model, open_model(target, "cpu").model
    diffusion, own = as_diffusion(single), as_diffusion(default)
    if diffusion is None or own is None:
        raise SystemExit(f"{target} has no denoiser; pass a diffusion model.")
    diffusion.precision = "fp32"
    file = open_model(str(export(target, "onnx", folder / "model.onnx")), "cpu").model
    named: dict[str, GenerativeModel] = {"torch, float32": single, "onnxruntime": file}
    return named if own.precision == "fp32" else {"torch, bf16": default, **named}


def measured(target: str, rounds: int, counts: tuple[int, ...]) -> Result:
    """Measure every side for every number of images in turn, `rounds` times, after a warm-up."""
    facts = machine.describe(torch.get_num_threads())
    with tempfile.TemporaryDirectory() as folder:
        models = sides(target, Path(folder))
        rows = []
        for n in counts:
            images = {name: draw(model, n)[2] for name, model in models.items()}  # warm-up
            seconds: dict[str, list[float]] = {name: [] for name in models}
            processor: dict[str, list[float]] = {name: [] for name in models}
            for _ in range(rounds):
                for name, model in models.items():
                    wall, worked, _ = draw(model, n)
                    seconds[name].append(wall)
                    processor[name].append(worked)
                    say(f"{name}, n={n}: {seconds[name][-1]:.3f} s")
            reference = images["torch, float32"].astype(int)
            differences = {
                name: int(np.abs(drawn - reference).max()) for name, drawn in images.items()
            }
            row = {"n": n, "seconds": seconds, "processor": processor}
            rows.append({**row, "differences": differences})
    return {"machine": facts, "target": target, "rows": rows}


def table(result: Result) -> str:
    """Return the table in Markdown: a line for each number of images and side."""
    lines = []
    for row in result["rows"]:
        middles = {name: median(taken) for name, taken in row["seconds"].items()}
        for name, taken in row["seconds"].items():
            lines.append([
                name, str(row["n"]), f"{1000 * middles[name]:.0f}",
                f"{1000 * min(taken):.0f} to {1000 * max(taken):.0f}",
                f"{1000 * median(row['processor'][name]):.0f}",
                f"{middles[name] / middles['onnxruntime']:.2f}", str(row["differences"][name]),
            ])  # fmt: skip
    header = [
        f"`{result['target']}`", "images", "ms", "least to most", "processor ms",
        "times as long as onnxruntime",
        "largest difference from torch in float32, of 255",
    ]  # fmt: skip
    return f"{markdown(header, lines)}\n\n{machine.line(result['machine'])}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", nargs="?", default="bundled:mnist", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULTS / "onnx.json")
    parser.add_argument("--markdown", action="store_true", help="print the table of --out only")
    options = parser.parse_args()
    if not options.markdown:
        counts = tuple(map(int, options.counts.split(",")))
        write(options.out, measured(options.target, options.rounds, counts))
    print(table(read(options.out)))


if __name__ == "__main__":
    main()

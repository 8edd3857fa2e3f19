"""Seconds per image: a few steps of a solver beside all steps of Algorithm 2, in turns in one process.

    python -m benchmarks.drawing                # the bundled digits: 2 minutes; nothing else may run
    python -m benchmarks.drawing runs/mine      # any run
    python -m benchmarks.drawing --markdown     # the table of the last measurement

Only the time of sampling is measured. For the quality of the images, use `ddpm sampler-lab`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from benchmarks import machine
from benchmarks.machine import Result, say
from benchmarks.results import RESULTS, markdown, read, write
from ddpm import open_model
from ddpm.messages import sentence
from ddpm.models.base import GenerativeModel
from ddpm.sampling.labels import choose_labels
from ddpm.sampling.samples import sample_images
from ddpm.sampling.settings import resolve_settings

WALK = ("sampling.sampler=ancestral",)  # over every level
MANY, FEW = 200, 25  # images of a round, by the default and by the walk
PLAIN = ("sampling.guidance=1",)
WAYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "as it draws by default": (MANY, ()),
    "ancestral, every level": (FEW, WALK),
    "the default, unguided": (MANY, PLAIN),
    "ancestral, every level, unguided": (FEW, (*WALK, *PLAIN)),
}


def seconds(model: GenerativeModel, n: int, overrides: Sequence[str]) -> float:
    """Return the wall time per image of a batch of `n`."""
    settings = resolve_settings(model, overrides)
    labels = choose_labels(model, range(n), None)
    began = time.perf_counter()
    sample_images(model, range(n), labels, settings)
    return (time.perf_counter() - began) / n


def measured(target: str, rounds: int) -> Result:
    """Measure every setting in turn, `rounds` times, after a short warm-up."""
    facts = machine.describe(torch.get_num_threads())
    model = open_model(target, "cpu").model
    labeled = model.spec.num_classes > 0
    ways = {name: way for name, way in WAYS.items() if labeled or PLAIN[0] not in way[1]}
    seconds(model, FEW, ())
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (n, overrides) in ways.items():
            taken[name].append(seconds(model, n, overrides))
            say(f"{name}: {1000 * taken[name][-1]:.2f} ms an image")
    drawings = {
        name: sentence(model.describe_sampling(resolve_settings(model, way[1])))
        for name, way in ways.items()
    }
    return {"machine": facts, "target": target, "drawings": drawings, "seconds": taken}


def table(result: Result) -> str:
    """Return the table in Markdown, each setting beside the default of its round."""
    rows, short = [], 0.0
    for name, taken in result["seconds"].items():
        middle = median(taken)
        times = f"{middle / short:.0f}" if name.startswith("ancestral") else "1"
        short = short if name.startswith("ancestral") else middle
        spread = f"{1000 * min(taken):.2f} to {1000 * max(taken):.2f}"
        rows.append([f"{name}: {result['drawings'][name]}", f"{1000 * middle:.2f}", spread, times])
    header = [f"`{result['target']}`", "ms an image", "least to most", "times as long"]
    return f"{markdown(header, rows)}\n\n{machine.line(result['machine'])}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", nargs="?", default="bundled:mnist", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULTS / "drawing.json")
    parser.add_argument("--markdown", action="store_true", help="print the table of --out only")
    options = parser.parse_args()
    if not options.markdown:
        write(options.out, measured(options.target, options.rounds))
    print(table(read(options.out)))


if __name__ == "__main__":
    main()

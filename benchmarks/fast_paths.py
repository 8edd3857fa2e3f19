"""Deviation of the fast paths from fp32: the gradient of one step, and whole short trainings.

    python -m benchmarks.fast_paths                 # 5 minutes; other work beside it does no harm
    python -m benchmarks.fast_paths --seeds 0       # fewer trainings
    python -m benchmarks.fast_paths --markdown      # the tables of the last measurement

The gradients are of the bundled MNIST model, on 64 of its own samples. The trainings are of the preset
`digits`, whose images are bundled. Nothing is timed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from benchmarks import machine
from benchmarks.machine import Result, say
from benchmarks.results import RESULTS, markdown, read, write
from ddpm import open_model, sample
from ddpm.data.pixels import to_model
from ddpm.models.ddpm import Ddpm
from ddpm.networks import unet
from ddpm.optim.muon import ITERATIONS, NEWTON_SCHULZ, orthogonalize
from ddpm.runs import RunFolder, read_metrics

WEIGHTS, PRESET = "bundled:mnist", "digits"
BATCH = 64
PRECISIONS = ("fp32", "bf16")


def gradient(images: Tensor, precision: str = "fp32", compile: str = "off") -> Tensor | None:
    """Return the gradient of one training step, all parameters concatenated. None if compiling failed."""
    model = open_model(WEIGHTS, "cpu").model
    assert isinstance(model, Ddpm)
    config = model.spec.config
    training = replace(config.training, compile=compile)  # type: ignore[arg-type]
    model = Ddpm(model.spec.with_config(replace(config, training=training)), torch.device("cpu"))
    model.load_state(open_model(WEIGHTS, "cpu").model.state())
    model.precision = precision
    found: list[Tensor] = []

    def keep(step: int) -> dict[str, Tensor]:
        found.extend(p.grad.flatten() for p in model.network.parameters() if p.grad is not None)
        return {}

    labels = torch.arange(len(images)) % model.spec.num_classes
    with mock.patch.object(model.learner, "update", keep):
        model.training_step(images, labels, 1)
    return torch.cat(found) if compile == "off" or model.compile().is_compiled else None


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Set the number of torch's threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def textbook(matrix: Tensor) -> Tensor:
    """Compute Newton-Schulz as in its source, x ← (a + b g + c g²) x with g = x xᵀ, in float64."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.double() / (torch.linalg.vector_norm(matrix.double()) + 1e-7)
    for _ in range(ITERATIONS):
        g: Tensor = x @ x.T
        x = (a * torch.eye(len(g), dtype=x.dtype) + b * g + c * g @ g) @ x
    found: Tensor = x
    return found


def apart(value: Tensor, reference: Tensor) -> float:
    """Return |value - reference| / |reference|."""
    return float(torch.linalg.vector_norm(value - reference) / torch.linalg.vector_norm(reference))


def changes(images: Tensor) -> dict[str, float | None]:
    """Return the relative difference of the gradient from fp32 with two threads, for each path."""
    with threads(2):
        plain = gradient(images)
        assert plain is not None

        def against(asked: Callable[[], Tensor | None]) -> float | None:
            found = asked()
            return None if found is None else apart(found, plain)

        found = {
            "the same step again": against(lambda: gradient(images)),
            "bf16 autocast": against(lambda: gradient(images, "bf16")),
            "torch.compile": against(lambda: gradient(images, compile="on")),
        }
        with mock.patch.object(unet, "SHORT", 0):
            found["torch's own attention in place of plain products"] = against(
                lambda: gradient(images)
            )
    with threads(1):
        found["one thread in place of two"] = against(lambda: gradient(images))
    matrix = torch.randn(64, 576, generator=torch.Generator().manual_seed(0))
    found["Muon on Gram matrices (an update, against float64)"] = apart(
        orthogonalize(matrix).double(), textbook(matrix)
    )
    return found


def training(precision: str, seed: int) -> float:
    """Return the held-out loss of the averaged weights after a complete `ddpm train digits`."""
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder) / "run")
        chosen = (f"training.precision={precision}", f"training.seed={seed}")
        words = [word for setting in chosen for word in ("--set", setting)]
        command = [sys.executable, "-m", "ddpm", "train", PRESET, "--out", str(run.root), *words]
        subprocess.run(command, check=True, capture_output=True)
        rows = [row for row in read_metrics(run.metrics) if "heldout_loss" in row]
    return float(rows[-1]["heldout_loss"])


def tables(result: Result) -> str:
    """Return both tables in Markdown."""
    gradients = [
        [path, "no compiler here" if change is None else f"{change:.1e}"]
        for path, change in result["gradients"].items()
    ]
    losses = [
        [f"seed {seed}", *(f"{loss:.4f}" for loss in by_precision.values())]
        for seed, by_precision in result["losses"].items()
    ]
    return "\n\n".join(
        (
            markdown(["path", "gradient of a step, relative change"], gradients),
            markdown([f"`ddpm train {PRESET}`, held-out loss", *PRECISIONS], losses),
            machine.line(result["machine"]),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", default="0,1,2", help="of the trainings (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS / "fast-paths.json")
    parser.add_argument("--markdown", action="store_true", help="print the tables of --out only")
    options = parser.parse_args()
    if not options.markdown:
        facts = machine.describe(torch.get_num_threads(), warn=False)
        images = to_model(sample(open_model(WEIGHTS, "cpu").model, n=BATCH))
        result: Result = {"machine": facts, "gradients": changes(images), "losses": {}}
        for seed in options.seeds.split(","):
            result["losses"][seed] = {name: training(name, int(seed)) for name in PRECISIONS}
            say(f"seed {seed}: {result['losses'][seed]}")
        write(options.out, result)
    print(tables(read(options.out)))


if __name__ == "__main__":
    main()

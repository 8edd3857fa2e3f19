"""Process of one side: answers requests, one JSON line each way, and sleeps in between.

    PYTHON -m benchmarks.worker '{"side": "diffusers", "precision": "fp32"}'

It runs in our environment or in the peers', so it does not import ddpm. `process.Worker` is its client.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import flops
from benchmarks.sides import Setup, make_side

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
WARM = 3  # steps before any time is taken
COUNTED = 2  # images on which operations are counted


class Bench:
    """A side under test. Every public method answers a request with plain numbers."""

    def __init__(self, setup: Setup) -> None:
        if setup.threads:
            torch.set_num_threads(setup.threads)
        self.setup = setup
        self.images = load_images(setup.images)
        self.base = memory()
        self.side = make_side(setup, self.images)

    def facts(self) -> dict[str, Any]:
        """Return sizes, versions, and the operations per image of one forward and backward pass."""
        network = self.side.network
        work = flops.count(self.side.predict, self._noise(COUNTED))
        network.zero_grad(set_to_none=True)
        return {
            "parameters": sum(p.numel() for p in network.parameters() if p.requires_grad),
            "flops": work,
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "compiled": self.side.compiled,
            "versions": self.side.versions,
        }

    def warm(self) -> dict[str, Any]:
        """Take a few warm-up steps."""
        loss = torch.stack([self.side.step() for _ in range(WARM)]).mean()
        return {"loss": float(loss)}

    def train(self, seconds: float = 0.0, steps: int = 1) -> dict[str, Any]:
        """Train for `seconds`, at least `steps` steps."""
        done = 0
        with flops.clock(self.setup.device) as elapsed:
            while done < steps or elapsed() < seconds:
                loss = self.side.step()
                done += 1
            taken = elapsed(wait=True)
        return {"steps": done, "seconds": taken, "loss": float(loss)}

    def peak(self, seconds: float) -> dict[str, Any]:
        """Return the operations per second of the fastest convolution of the network, in its dtype."""
        x = self._noise(self.setup.batch)
        shapes = flops.convolutions(self.side.network, self.side.predict, x)
        dtype, device = DTYPES[self.setup.precision], self.setup.device
        return {"peak": flops.peak(shapes, dtype, device, seconds), "shapes": len(shapes)}

    def draw(self, n: int, steps: int, seed: int = 0, file: str = "") -> dict[str, Any]:
        """Draw `n` images and write them to `file` (.npz, key images) if one is named."""
        with torch.random.fork_rng(), flops.clock(self.setup.device) as elapsed:
            images = self.side.draw(n, steps, seed)
            taken = elapsed(wait=True)
        if file:
            whole(Path(file), lambda path: np.savez_compressed(path, images=images.numpy()))
        return {"n": len(images), "seconds": taken}

    def save(self, file: str) -> dict[str, Any]:
        """Save the state and that of the random numbers, for `load` in a later process."""
        state = {
            "side": self.side.state(),
            "random": torch.get_rng_state(),
            "random of cards": torch.cuda.get_rng_state_all(),
        }
        whole(Path(file), lambda path: torch.save(state, path))
        return {}

    def load(self, file: str) -> dict[str, Any]:
        """Resume from a state that `save` wrote."""
        state = torch.load(file, weights_only=True)
        self.side.load(state["side"])
        torch.set_rng_state(state["random"])
        torch.cuda.set_rng_state_all(state["random of cards"])
        return {}

    def memory(self) -> dict[str, Any]:
        """Return in MiB the peak, the memory before the model was built, and the images in that."""
        images = self.images.numel() / 2**20
        return {"peak": memory(), "base": self.base, "images": images}

    def _noise(self, n: int) -> Tensor:
        return torch.randn(n, *self.images.shape[1:], device=self.setup.device)


def load_images(file: str) -> Tensor:
    """Return images uint8 [N, C, H, W] from an .npy; without one, 10,000 random images of 1x28x28."""
    if file:
        return torch.from_numpy(np.load(file))
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (10_000, 1, 28, 28), dtype=torch.uint8, generator=generator)


def memory() -> float:
    """Return the peak memory of this process in MiB."""
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file by `write`, under a temporary name until it is complete."""
    temporary = path.with_name(f".tmp-{path.name}")
    write(temporary)
    temporary.replace(path)


def main() -> None:
    """Answer the requests on stdin, one a line, until it closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print goes to stderr
    bench = Bench(Setup(**json.loads(sys.argv[1])))
    for line in sys.stdin:
        question = json.loads(line)
        answer = getattr(bench, question.pop("do"))(**question)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

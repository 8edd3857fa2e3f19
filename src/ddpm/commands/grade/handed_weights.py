"""Weights files in a hand-in: their hash, a sketch that shows near-equal weights, and their models."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import RequestError, WorkError
from ddpm.loading.bundled import BUNDLED, bundled_names
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel
from ddpm.models.fingerprint import weights_hash

SUFFIX = ".safetensors"
_PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin")  # opening one can run code
LARGEST_FILE = 128 << 20  # bytes; larger weights are not opened
_MOST_FILES = 6  # weights files that are opened of one hand-in
_SKETCH = 256  # buckets
NEAR_DISTANCE = 0.05  # of the weights' norm; independent trainings are farther apart than 0.5


@dataclass(frozen=True)
class HandedWeights:
    """One weights file. `model` is None if the file cannot be opened; `fault` then says why."""

    file: str
    model: GenerativeModel | None = None
    fault: str = ""

    def row(self) -> dict[str, object]:
        """Return what the record of a hand-in says about it."""
        if self.model is None:
            return {"file": self.file, "fault": self.fault}
        return {
            "file": self.file,
            "hash": weights_hash(self.model),
            "count": sum(tensor.numel() for tensor in self.model.averaged_weights().values()),
            "sketch": [float(f"{value:.6g}") for value in sketch(self.model).tolist()],
        }


def open_weights(files: Sequence[tuple[str, bytes]], device: str) -> list[HandedWeights]:
    """Open the weights files of a hand-in, safetensors alone, so that nothing in them can run."""
    found = [(name, content) for name, content in files if name.endswith(SUFFIX)]
    weights = [_open(name, content, device) for name, content in found[:_MOST_FILES]]
    faults = {
        name: f"is not opened: only {_MOST_FILES} weights files are"
        for name, _ in found[_MOST_FILES:]
    }
    faults |= {
        name: f"is not opened, since it can hold code; ask for a {SUFFIX} file"
        for name, _ in files
        if name.lower().endswith(_PICKLES)
    }
    return weights + [HandedWeights(name, fault=fault) for name, fault in faults.items()]


def _open(name: str, content: bytes, device: str) -> HandedWeights:
    if len(content) > LARGEST_FILE:
        return HandedWeights(name, fault=f"is larger than {LARGEST_FILE >> 20} MiB")
    with tempfile.TemporaryDirectory(prefix="ddpm-grade-") as scratch:
        path = Path(scratch) / f"weights{SUFFIX}"
        path.write_bytes(content)
        try:
            return HandedWeights(name, open_model(str(path), device).model)
        except (RequestError, WorkError) as error:
            return HandedWeights(name, fault=str(error).replace(str(path), name))
        except Exception as error:  # hostile files raise nearly anything
            return HandedWeights(name, fault=f"cannot be opened ({type(error).__name__})")


def sketch(model: GenerativeModel) -> Tensor:
    """Return a count sketch of the averaged weights, [256].

    The squared distance of two sketches estimates that of the weights, within about 9 % (Charikar, Chen &
    Farach-Colton 2002, "Finding frequent items in data streams", section 3.1).
    """
    weights = model.averaged_weights()
    values = torch.cat(
        [weights[name].detach().cpu().double().flatten() for name in sorted(weights)]
    )
    generator = torch.Generator().manual_seed(0)
    buckets = torch.randint(_SKETCH, (len(values),), generator=generator, device="cpu")
    signs = torch.randint(2, (len(values),), generator=generator, device="cpu") * 2.0 - 1
    total = torch.zeros(_SKETCH, dtype=torch.float64, device="cpu")
    return total.index_add_(0, buckets, values * signs)


def relative_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the estimated distance of two sets of weights from their sketches, over the larger norm."""
    a, b = (torch.tensor(values, dtype=torch.float64, device="cpu") for values in (one, other))
    return float((a - b).norm() / max(float(a.norm()), float(b.norm()), 1e-12))


@cache
def bundled_hashes() -> dict[str, str]:
    """Return the hash of each set of weights that comes with this package, with its name."""
    names = bundled_names()
    return {weights_hash(open_model(f"{BUNDLED}{name}", "cpu").model): name for name in names}

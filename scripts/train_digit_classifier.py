"""Train the bundled digit classifier on the MNIST training files and write its weights.

    python scripts/train_digit_classifier.py FOLDER_WITH_THE_FOUR_MNIST_FILES [--epochs 6]

The weights are deterministic on one machine and number of threads (seed 0). The test files are read
once, at the end, to measure the accuracy of the stored weights (half precision). No setting is chosen
by that accuracy.
"""

from __future__ import annotations

import argparse
import gzip
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from ddpm.evaluation.classifier import DigitClassifier, classification_loss
from ddpm.evaluation.digits import WEIGHTS, load_digits
from ddpm.files import atomic_file

SEED = 0
BATCH = 200


def read_idx(folder: Path, name: str) -> Tensor:
    """Read an IDX file of bytes, plain or .gz: magic number, big-endian sizes, data."""
    path = folder / name
    packed = folder / f"{name}.gz"
    data = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    sizes = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i]) for i in range(data[3])]
    return torch.from_numpy(
        np.frombuffer(bytearray(data), np.uint8, offset=4 + 4 * data[3]).reshape(sizes)
    )


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Transform images [N, 1, H, W] in [0, 1] by random affine maps.

    Rotation up to 10°, shear up to 0.15, scale 0.85 to 1.2, shift up to 2 pixels.
    """
    n = len(images)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * limit

    angle, shear = uniform(math.radians(10)), uniform(0.15)
    scale = torch.exp(uniform(0.17))
    cos, sin = angle.cos() * scale, angle.sin() * scale
    first = torch.stack([cos, shear - sin, uniform(2 / 14)], dim=1)
    second = torch.stack([sin, cos, uniform(2 / 14)], dim=1)
    grid = F.affine_grid(
        torch.stack([first, second], dim=1), list(images.shape), align_corners=False
    )
    return F.grid_sample(images, grid, align_corners=False)


def train(images: Tensor, labels: Tensor, epochs: int) -> DigitClassifier:
    """Train with AdamW and a one-cycle learning rate (peak 4e-3) for `epochs` passes over the images."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = DigitClassifier()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)
    steps = epochs * (len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for batch in order[: steps // epochs * BATCH].view(-1, BATCH):
            x = augment(images[batch, None].float() / 255, generator)
            value = classification_loss(model, x, labels[batch].long())
            optimizer.zero_grad()
            torch.autograd.backward(value)
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: last loss {value.item():.4f}", flush=True)
    model.eval()
    return model


def main() -> None:
    """Train, write the weights and print the figures for their card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with the four MNIST files")
    parser.add_argument("--epochs", type=int, default=6, help="default: %(default)s")
    arguments = parser.parse_args()
    started = time.monotonic()
    images = read_idx(arguments.folder, "train-images-idx3-ubyte")
    labels = read_idx(arguments.folder, "train-labels-idx1-ubyte")
    model = train(images, labels, arguments.epochs)
    floats = {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
    with atomic_file(WEIGHTS) as temporary:
        save_file({k: v.half().contiguous() for k, v in floats.items()}, temporary)
    tests = read_idx(arguments.folder, "t10k-images-idx3-ubyte")[:, None]
    guesses = load_digits().probabilities(tests).argmax(dim=1)
    accuracy = (
        (guesses == read_idx(arguments.folder, "t10k-labels-idx1-ubyte")).double().mean().item()
    )
    minutes = (time.monotonic() - started) / 60
    print(f"test accuracy {accuracy:.4f}, {minutes:.1f} minutes, {torch.get_num_threads()} threads")
    print(
        f"weights {load_digits().weights_hash}; write these numbers into digits.md beside the weights"
    )


if __name__ == "__main__":
    main()

"""The two facts by which the evaluation is judged, on MNIST itself."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
import torch

from ddpm.evaluation.digits import load_digits
from ddpm.evaluation.evaluate import evaluate
from ddpm.evaluation.sets import ImageSets

FOLDER = Path(os.environ.get("DDPM_DATA_DIR", "nowhere")) / "mnist"


def images(name: str, count: int) -> torch.Tensor:
    """The first `count` images of an IDX file: 16 bytes of header, then 28x28 bytes each."""
    with gzip.open(FOLDER / f"{name}-images-idx3-ubyte.gz") as file:
        data = file.read(16 + 784 * count)
    return torch.frombuffer(bytearray(data[16:]), dtype=torch.uint8).view(count, 1, 28, 28)


@pytest.mark.real_data
@pytest.mark.skipif(not FOLDER.is_dir(), reason="DDPM_DATA_DIR holds no mnist")
def test_real_test_images_score_one_and_shuffled_pixels_more_than_twenty() -> None:
    train, test = images("train", 20_000), images("t10k", 10_000)
    order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    scattered = test[torch.randperm(10_000, generator=torch.Generator().manual_seed(1))[:1000]]
    network = load_digits()
    for given in (scattered, test[:1000]):
        row = evaluate(ImageSets(given, train, test), network)[0]
        assert row["label"] == "FD-digits (n=1000, train ref)"
        assert row["ratio_low"] < 1 < row["ratio_high"]
        shuffled = given.flatten(2)[..., order].view_as(given)
        assert evaluate(ImageSets(shuffled, train, test), network)[0]["ratio_low"] > 20

"""The two facts by which the evaluation is judged, on MNIST itself, by the command line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ddpm.cli import main


def score(name: str, images: np.ndarray) -> dict[str, Any]:
    """Return the evaluation of these images against MNIST by `ddpm evaluate --json`."""
    np.savez(f"{name}.npz", images=images)
    command = ["evaluate", f"{name}.npz", "--reference", "mnist", "--json", f"{name}.json"]
    assert main(command) == 0
    evaluation: dict[str, Any] = json.loads(Path(f"{name}.json").read_text("utf-8"))
    return evaluation


@pytest.mark.real_data
def test_real_test_images_score_one_and_shuffled_pixels_more_than_twenty(
    real_data: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = real_data("mnist")
    monkeypatch.setenv("DDPM_DATA_DIR", str(folder.parent))
    with gzip.open(folder / "t10k-images-idx3-ubyte.gz") as file:
        test = np.frombuffer(file.read()[16:], np.uint8).reshape(10_000, 1, 28, 28)
    given, order = test[:1000], np.random.default_rng(1).permutation(784)
    evaluation = score("real", given)
    real = evaluation["rows"][0]
    bad = score("shuffled", given.reshape(1000, 784)[:, order].reshape(given.shape))["rows"][0]
    assert real["label"] == bad["label"] == "FD-digits (n=1000, train ref)"
    assert real["protocol"] == bad["protocol"] and real["floor"] == bad["floor"]
    assert real["low"] < real["value"] < real["high"]
    assert real["ratio_low"] < 1 < real["ratio_high"]
    assert bad["ratio_low"] > 20
    assert evaluation["floor"]["what"] == {"code": "test_images", "count": 10_000}

"""Training images for the peers, and scores by our evaluation library, equal for every side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.machine import Result
from benchmarks.results import read, write
from ddpm.commands.evaluate.evaluate import evaluate
from ddpm.config import Config, DataConfig
from ddpm.loading.datasets import open_dataset
from ddpm.scoring.evaluation_request import EvaluationRequest

KEPT = {"fd": "fd", "confident": "confident", "class-balance": "balance"}  # metric: key


def export_images(data: str, file: Path) -> None:
    """Write the training images of a data set to an .npy, uint8 [N, C, H, W], as `ddpm train` uses them."""
    dataset = open_dataset(Config(data=DataConfig(path=data, size="auto")))
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".tmp-{file.name}")
    np.save(temporary, np.asarray(dataset.images[dataset.train]))
    temporary.replace(file)


def score(images: Path, data: str, n: int) -> Result:
    """Return FD-digits and its floor, the proportion of confident digits and the class balance.

    They are saved beside the images. `ddpm evaluate` measures the same.
    """
    file = images.with_name(f"{images.stem}-score.json")
    if not file.is_file():
        request = EvaluationRequest(
            target=str(images), reference=data, n=n, network="digits", likelihood=0
        )
        rows = {row["metric"]: row for row in evaluate(request)["rows"]}
        found = {key: rows[metric]["value"] for metric, key in KEPT.items()}
        write(file, {**found, "floor": rows["fd"]["floor"], "n": rows["fd"]["n"]})
    return read(file)

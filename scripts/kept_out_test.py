"""Test for memorization: compare distances from drawn images to training images and to held-out images.

    python scripts/kept_out_test.py drawn.npz anime-faces-train.zip anime-faces-kept-out.zip

The zips come from hold_out.py. Distances are Euclidean, between pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from torch import Tensor

from ddpm.evaluation.copy_detection import copy_rates, pixel_vectors
from ddpm.scoring.generated_images import open_image_files


def vectors(path: Path) -> Tensor:
    """Return the pixels of all images at `path`, uint8 [N, D]."""
    images = open_image_files(path)
    return pixel_vectors(images.load(images.available or 0, 0, (3, 0, 0)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("drawn", type=Path, help="images drawn by the model")
    parser.add_argument("train", type=Path, help="images it was trained on")
    parser.add_argument("kept_out", type=Path, help="images it never saw")
    options = parser.parse_args()
    drawn, train, kept_out = map(vectors, (options.drawn, options.train, options.kept_out))
    found = copy_rates(drawn, train, kept_out)
    print(f"{len(drawn)} drawn, {len(train)} trained on, {len(kept_out)} kept out")
    print(
        "mean distance to the nearest training image over that to the nearest kept out, "
        f"{len(kept_out)} of each: {found.ratio:.3f}"
    )
    print(
        "much nearer to one training image than to the next (d1/d2 < 1/3): "
        f"{found.share:.2%} of the drawn, {found.heldout_share:.2%} of the kept out"
    )

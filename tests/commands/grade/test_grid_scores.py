"""Scores of a grid: beside a floor of as many real images, or a sentence that says why there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.grade.grid_scores import GridScorer
from ddpm.data.catalogue import embedded_digits


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """400 digits of 28x28 in a file, and the 25 after them."""
    with np.load(embedded_digits()) as found:
        small = found["images"][:425, 0]
    large = [Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC) for image in small]
    images = np.pad(np.stack([np.asarray(i) for i in large]), ((0, 0), (4, 4), (4, 4)))[:, None]
    path = tmp_path_factory.mktemp("scores") / "digits.npy"
    np.save(path, images[:400])
    return path, images[400:]


def test_real_images_lie_at_the_floor_and_noise_far_from_it(
    digits: tuple[Path, np.ndarray],
) -> None:
    path, real = digits
    scorer = GridScorer(str(path), (1, 28, 28), "cpu")
    noise = np.random.default_rng(0).integers(0, 256, (25, 1, 28, 28), np.uint8)
    rows = {}
    for name, cells in (("real", real), ("noise", noise)):
        found = scorer.rows(cells)
        assert isinstance(found, list)
        rows[name] = {row["metric"]: row for row in found}
    assert rows["real"]["coverage"]["value"] > 0.7 > 0.3 > rows["noise"]["coverage"]["value"]
    assert rows["noise"]["kid"]["value"] > 20 * abs(rows["real"]["kid"]["value"])
    assert rows["noise"]["detail"]["value"] > 2 > rows["real"]["detail"]["value"]
    assert {row["n"] for row in rows["real"].values()} == {25}
    assert rows["real"]["kid"]["label"] == "KID-digits (n=25, train ref)"


def test_real_images_handed_in_are_counted_as_copies(digits: tuple[Path, np.ndarray]) -> None:
    path, real = digits
    scorer = GridScorer(str(path), (1, 28, 28), "cpu")
    copied = np.concatenate([np.load(path)[:10], real[:15]])
    counts = [scorer.rows(cells)[-1]["value"] for cells in (copied, real)]  # type: ignore[index]
    assert counts[0] >= 10 + counts[1] - 2 and counts[1] <= 3


def test_a_color_grid_of_digits_is_measured_in_gray(digits: tuple[Path, np.ndarray]) -> None:
    path, real = digits
    scorer = GridScorer(str(path), (1, 28, 28), "cpu")
    gray, color = scorer.rows(real), scorer.rows(real.repeat(3, axis=1))
    assert gray == color


def test_without_real_images_there_is_a_reason_and_it_is_looked_for_once(tmp_path: Path) -> None:
    scorer = GridScorer(str(tmp_path / "nowhere"), (1, 28, 28), "cpu")
    cells = np.zeros((25, 1, 28, 28), np.uint8)
    assert str(scorer.rows(cells)).startswith("not measured: ")
    assert scorer.rows(cells) is scorer.rows(cells)

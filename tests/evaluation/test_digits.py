from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ddpm.errors import RequestError
from ddpm.evaluation.digits import WEIGHTS, load_digits, preprocess

ROW, COLUMN = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")


def ink(distance: torch.Tensor) -> torch.Tensor:
    """A soft stroke 3 pixels wide where the distance to it [28, 28] is small: uint8 [1, 1, 28, 28]."""
    return (255 * (2 - distance).clamp(0, 1)).byte()[None, None]


def segment(top: float, left: float, bottom: float, right: float) -> torch.Tensor:
    """The distance of each pixel to a line from (top, left) to (bottom, right)."""
    down, across = bottom - top, right - left
    along = ((ROW - top) * down + (COLUMN - left) * across) / (down**2 + across**2)
    along = along.clamp(0, 1)
    return ((ROW - top - along * down) ** 2 + (COLUMN - left - along * across) ** 2).sqrt()


ONE = ink(segment(5, 15, 23, 13))
ZERO = ink((((ROW - 14) / 9) ** 2 + ((COLUMN - 14) / 6) ** 2).sqrt().sub(1).abs() * 7)
SEVEN = ink(torch.minimum(segment(6, 8, 6, 20), segment(6, 20, 23, 12)))


def test_the_bundled_weights_read_plain_digits() -> None:
    network = load_digits()
    p = network.probabilities(torch.cat([ONE, ZERO, SEVEN]))
    assert p.argmax(dim=1).tolist() == [1, 0, 7]
    assert p.sum(dim=1).tolist() == pytest.approx([1, 1, 1])


def test_features_do_not_depend_on_the_company() -> None:
    network = load_digits()
    images = torch.cat([ONE, ZERO, SEVEN]).repeat(100, 1, 1, 1)
    features = network.features(images)
    assert features.shape == (300, 64)
    torch.testing.assert_close(features[250:], network.features(images[250:]), rtol=1e-5, atol=1e-5)


def test_the_weights_are_small_and_have_a_card() -> None:
    assert WEIGHTS.stat().st_size < 1_000_000
    assert {value.dtype for value in load_file(WEIGHTS).values()} == {torch.float16}
    card = WEIGHTS.with_suffix(".md").read_text(encoding="utf-8")
    assert load_digits().weights_hash in card
    for word in ("MNIST", "seed 0", "scripts/train_digit_classifier.py", "test accuracy"):
        assert word in card


def test_native_images_pass_unchanged() -> None:
    assert torch.equal(preprocess(ZERO), ZERO.float() / 255)
    gray = ZERO.repeat(1, 3, 1, 1)
    torch.testing.assert_close(preprocess(gray), ZERO.float() / 255)


@pytest.mark.parametrize(
    ("height", "width"), [(8, 8), (19, 12), (20, 20), (64, 64), (14, 28), (28, 14), (3, 40)]
)
def test_other_sizes_are_scaled_and_centered_on_black(height: int, width: int) -> None:
    white = torch.full((2, 1, height, width), 255, dtype=torch.uint8)
    x = preprocess(white)
    assert x.shape == (2, 1, 28, 28)
    rows, columns = (x[0, 0] > 0.5).any(dim=1), (x[0, 0] > 0.5).any(dim=0)
    longest = max(height, width)
    target = 20 if longest < 20 else 28
    assert rows.sum() == max(1, round(target * height / longest))
    assert columns.sum() == max(1, round(target * width / longest))
    for filled in (rows, columns):
        first, last = filled.nonzero()[[0, -1], 0].tolist()
        assert abs(first - (27 - last)) <= 1


def test_larger_copies_are_read_alike() -> None:
    network = load_digits()
    large = ZERO.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert network.probabilities(large).argmax().item() == 0
    first, doubled, other = (network.features(images) for images in (ZERO, large, SEVEN))
    assert (doubled - first).norm() < 0.2 * (other - first).norm()


def test_missing_or_foreign_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="missing"):
        load_digits(tmp_path / "digits.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text(json.dumps({}), encoding="utf-8")
    with pytest.raises(RequestError, match="holds no weights"):
        load_digits(text)
    part = load_file(WEIGHTS)
    del part["head.bias"]
    save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(RequestError, match="lacks weights"):
        load_digits(tmp_path / "part.safetensors")

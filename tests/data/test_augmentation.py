"""Random views: what they may change, how often, and that (seed, step) decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ddpm.data.augmentation import Augmentation
from tests.examples import examples


def random_images(count: int = 64, size: tuple[int, int] = (9, 7), channels: int = 3) -> Tensor:
    rng = np.random.default_rng(3)
    return torch.from_numpy(rng.integers(0, 256, (count, channels, *size), dtype=np.uint8))


def test_nothing_asked_changes_nothing() -> None:
    images = random_images()
    assert torch.equal(Augmentation()(images, 0, 0), images)


def test_flip_mirrors_whole_images_about_half_of_them() -> None:
    images = random_images(1000, (4, 5))
    views = Augmentation(flip=True)(images, 0, 0)
    same = (views == images).flatten(1).all(1)
    mirrored = (views == images.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 430 < mirrored.sum() < 570  # 4.4 standard deviations of a fair coin


def test_shift_moves_up_to_k_pixels_each_way_and_repeats_the_edge() -> None:
    images = random_images(400, (6, 5))
    views = Augmentation(shift=1)(images, 0, 0)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    counts = np.zeros((3, 3), dtype=int)
    for image, view in zip(padded, views.numpy(), strict=True):
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if (image[:, y : y + 6, x : x + 5] == view).all()
        ]
        assert len(found) == 1
        counts[found[0]] += 1
    assert counts.min() > 20  # of 44 expected each


def test_a_shift_larger_than_the_image_leaves_its_edge() -> None:
    image = torch.arange(4, dtype=torch.uint8).reshape(1, 1, 1, 4).repeat(50, 1, 1, 1)
    views = Augmentation(shift=64)(image, 0, 0)
    assert set(map(tuple, views.flatten(1).tolist())) >= {(0, 0, 0, 0), (3, 3, 3, 3)}


def test_crop_of_a_ramp_is_a_window_inside_it_of_the_asked_side() -> None:
    """On the ramp p(x) = 4x a window [a, a + s·w] is again a ramp: its slope tells s, its start a."""
    width = 40
    ramp = (4.0 * torch.arange(width)).to(torch.uint8).expand(200, 1, width, width)
    views = Augmentation(crop=0.4)(ramp, 0, 0).double()[:, 0]
    middle = views[:, 0, 8:-8]
    side = (middle[:, -1] - middle[:, 0]) / (4 * (middle.shape[1] - 1))
    assert side.min() > 0.59 and side.max() < 1.01
    assert side.min() < 0.65 and side.max() > 0.95  # the whole range occurs
    center = views[:, 0, width // 2 - 1 : width // 2 + 1].mean(1) / 4 + 0.5  # pixel coordinate
    half = side * width / 2
    assert (center - half > -0.6).all() and (center + half < width + 0.6).all()
    assert torch.equal(views, views[:, :1].expand_as(views))  # rows of a ramp stay equal


def test_crop_of_one_color_is_that_color() -> None:
    images = torch.full((8, 3, 5, 6), 201, dtype=torch.uint8)
    assert torch.equal(Augmentation(crop=0.5)(images, 0, 0), images)


@settings(deadline=None, max_examples=examples(25))
@given(
    flip=st.booleans(),
    shift=st.integers(0, 4),
    crop=st.sampled_from([0.0, 0.3]),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    channels=st.sampled_from([1, 3]),
)
def test_shape_type_and_range_of_values_stay(
    flip: bool, shift: int, crop: float, height: int, width: int, channels: int
) -> None:
    images = random_images(5, (height, width), channels)
    before = images.clone()
    views = Augmentation(flip, shift, crop)(images, 1, 2)
    assert views.shape == images.shape and views.dtype == torch.uint8
    assert views.min() >= images.min() and views.max() <= images.max()  # nothing is made up
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "augment", [Augmentation(flip=True), Augmentation(shift=3), Augmentation(crop=0.3)]
)
def test_seed_and_step_decide(augment: Augmentation) -> None:
    images = random_images()
    assert torch.equal(augment(images, 5, 9), augment(images, 5, 9))
    assert not torch.equal(augment(images, 5, 9), augment(images, 5, 10))
    assert not torch.equal(augment(images, 5, 9), augment(images, 6, 9))

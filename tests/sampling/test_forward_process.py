"""Columns of images under growing noise."""

from __future__ import annotations

import numpy as np

from ddpm.diffusion.schedules import make_schedule
from ddpm.sampling.forward_process import MAX_EXAMPLES, example_images, forward_columns


def test_noise_above_the_range_of_pixels_is_scaled_down() -> None:
    columns = forward_columns(np.full((1, 1, 32, 32), 200, np.uint8), make_schedule("edm", 1000), 0)
    for _, pixels in columns[3:]:
        extreme = np.isin(pixels, (0, 255)).mean()
        assert extreme < 0.4  # a standard normal leaves [-1, 1] in 32 % of its draws


def test_examples_are_spread_over_the_whole_set() -> None:
    assert example_images(np.arange(10)).tolist() == [0, 3, 6, 9]
    assert len(example_images(np.arange(10))) == MAX_EXAMPLES
    assert example_images(np.arange(2)).tolist() == [0, 1]

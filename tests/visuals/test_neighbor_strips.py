"""Strips of generated images and their nearest training images."""

from __future__ import annotations

from pathlib import Path

import pytest

from ddpm.errors import RequestError
from ddpm.visuals.neighbor_strips import NeighborStrip, save_neighbor_strips
from tests.visuals.conftest import Titles
from tests.visuals.gray_images import center, flat, pixels


def test_the_nearest_image_stands_below_the_generated_one(tmp_path: Path, titles: Titles) -> None:
    strip = NeighborStrip("copies", flat([150, 170]), flat([160, 180]), [0.304, 0.9])
    save_neighbor_strips(tmp_path / "a.png", [strip, strip], note="note")
    assert titles[0] == ("copies", ["0.30", "0.90", "generated", "nearest"])
    found = pixels(tmp_path / "a.png")
    at = {value: center(found, value) for value in (150, 160, 170, 180)}
    assert at[150][0] == at[170][0] < at[160][0] == at[180][0]
    assert at[150][1] == at[160][1] < at[170][1] == at[180][1]
    with pytest.raises(RequestError, match="same shape"):
        save_neighbor_strips(
            tmp_path / "a.png", [strip, NeighborStrip("", flat([1]), flat([2]), [1])]
        )

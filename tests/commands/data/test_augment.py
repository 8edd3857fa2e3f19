"""Augmentation sheets show what training sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ddpm.commands.data import augment
from ddpm.commands.data.augment import augmentation_sheet
from ddpm.data.pixels import to_model, to_uint8
from ddpm.errors import RequestError
from ddpm.models.augment_pipe import AugmentPipe
from ddpm.randomness import generator_for
from ddpm.visuals.grids import save_grid

pytestmark = pytest.mark.usefixtures("workplace")


def test_an_augmentation_is_drawn_as_training_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[np.ndarray, list[str]]] = []

    def spy(
        path: Path, images: np.ndarray, *shape: int, row_titles: list[str], **rest: str
    ) -> None:
        seen.append((images, row_titles))
        save_grid(path, images, *shape, row_titles=row_titles, **rest)

    monkeypatch.setattr(augment, "save_grid", spy)
    words, place = augmentation_sheet("digits", [], Path("a.png"))
    assert "0.15 each" in words and "data.augment is off" in words and place == "a.png"
    (images, titles), usual = seen[0], ["scale", "rotate", "stretch", "translate"]
    assert titles == ["original", *usual, "training 1", "training 2", "training 3"]
    rows = images.reshape(8, 8, 1, 8, 8)
    assert all(not np.array_equal(rows[0], row) for row in rows[1:])
    first = torch.from_numpy(rows[0])  # as the first step of a run of seed 0 sees these images
    views, _ = AugmentPipe(0.15, tuple(usual))(to_model(first), generator_for(0, "transforms", 1))
    assert np.array_equal(rows[5], to_uint8(views).numpy())
    words, _ = augmentation_sheet("dcgan-anime", ["data.path=digits", "data.size=8"], Path("b.png"))
    assert words == "flip" and seen[1][1] == ["original", *titles[-3:]]
    with pytest.raises(RequestError, match=r"data\.flip"):
        augmentation_sheet("dcgan-mnist", ["data.path=digits"], Path("c.png"))
    assert not Path("c.png").exists()

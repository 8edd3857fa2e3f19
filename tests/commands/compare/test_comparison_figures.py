"""Figures of a comparison: the images shown, and the training images searched for copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ddpm.commands.compare import comparison_figures
from ddpm.commands.compare.comparison_figures import draw_grids, draw_neighbors
from ddpm.evaluation.image_sets import ImageSets
from ddpm.messages import message
from ddpm.scoring.measurement import Measurement
from ddpm.visuals.neighbor_strips import NeighborStrip
from ddpm.visuals.panels import GridPanel


def noise(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, 8, 8), generator=generator, dtype=torch.uint8)


def given(images: Tensor, trained: tuple[Tensor, ...] = ()) -> Measurement:
    """Images of files beside a reference of 60 others."""
    sets = ImageSets(images, noise(60, 1), noise(60, 2), trained=trained)
    return Measurement({"seeds": None, "seed": 0, "drawn": None}, images, sets)


def spied(monkeypatch: pytest.MonkeyPatch, name: str) -> list[Any]:
    """Return a list that collects the panels passed to the drawing function `name`."""
    shown: list[Any] = []
    monkeypatch.setattr(
        comparison_figures, name, lambda path, panels, *_, **__: shown.extend(panels)
    )
    return shown


def test_copies_of_a_floor_that_was_trained_on_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    strips: list[NeighborStrip] = spied(monkeypatch, "save_neighbor_strips")
    floor = noise(60, 2)
    copies = torch.cat([floor[:4], noise(16, 3)])
    draw_neighbors(Path("n.png"), ["known", "new"], [given(copies, (floor,)), given(copies)])
    known, new = strips
    assert known.title == "known: 4 of 20 below 1/3" and new.title == "new: 0 of 20 below 1/3"
    assert known.ratios[:4] == [0, 0, 0, 0] and min(new.ratios) > 1 / 3
    assert (known.nearest[:4] == known.images[:4]).all()


def test_a_grid_of_files_in_classes_shows_every_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 images of each of ten classes, one after the other, as folders give them."""
    panels: list[GridPanel] = spied(monkeypatch, "save_grid_panels")
    images = noise(1000, 4)
    images[:, 0, 0, 0] = torch.arange(1000) // 100
    draw_grids(Path("g.png"), ["sorted"], [given(images)])
    assert len(panels[1].images) == 25
    assert len(set(panels[1].images[:, 0, 0, 0].tolist())) >= 7


def test_a_grid_of_a_model_names_sampler_and_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    panels: list[GridPanel] = spied(monkeypatch, "save_grid_panels")
    entry = given(noise(40, 4))
    drawn = message("sampler", sampler="unipc", steps=8)
    entry.evaluation.update(seeds=[100, 139], drawn=drawn)
    draw_grids(Path("g.png"), ["model"], [entry])
    assert panels[1].caption == "unipc, 8 steps; seeds 100–124"

"""Pictures of a report: named by their content, shared where equal, drawn from the data or the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.report.pictures import (
    PictureFolder,
    draw_forward,
    draw_loss,
    draw_networks,
    draw_real,
    draw_samples,
    draw_schedules,
    training_images,
)
from ddpm.config import Config, with_overrides
from ddpm.loading.models import open_model
from ddpm.presets import get_preset
from ddpm.runs import RunFolder

DIGITS = get_preset("digits").config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "figures").mkdir()
    return tmp_path / "figures"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_names_are_relative_to_the_document(folder: Path) -> None:
    figures = PictureFolder(folder, "mine-")
    assert figures.place("loss") == folder / "mine-loss.png"
    assert figures.names == {"loss": "figures/mine-loss.png"}


def test_runs_on_the_same_images_share_the_grid_of_real_ones(folder: Path) -> None:
    images = training_images(DIGITS, None)
    assert images is not None and images.shape == (25, 1, 8, 8)
    one, two = PictureFolder(folder, "a-"), PictureFolder(folder, "b-")
    for figures in (one, two):
        draw_real(figures, images)
    assert one.names == two.names and len(list(folder.iterdir())) == 1
    draw_real(two, 255 - images)
    assert one.names != two.names


def test_images_that_are_not_here_or_have_changed_are_not_shown() -> None:
    assert training_images(DIGITS, "another hash") is None
    assert training_images(with_overrides(DIGITS, ["data.path=/nowhere"]), None) is None


def test_the_forward_process_is_shown_on_the_data_else_on_samples(folder: Path) -> None:
    figures, images = PictureFolder(folder), np.full((4, 1, 8, 8), 128, np.uint8)
    assert draw_forward(figures, DIGITS, training_images(DIGITS, None), images)
    from_data = pixels(folder / "forward.png")
    assert not draw_forward(figures, DIGITS, None, images)
    assert not np.array_equal(pixels(folder / "forward.png"), from_data)
    assert not draw_forward(PictureFolder(folder, "none-"), DIGITS, None, None)
    assert not (folder / "none-forward.png").exists()


def test_schedules_of_equal_runs_are_one_curve_and_gans_have_none(folder: Path) -> None:
    figures = PictureFolder(folder)
    assert draw_schedules(figures, [DIGITS, DIGITS]) == "figures/schedule.png"
    assert draw_schedules(figures, [Config(model="dcgan")]) is None


def test_a_run_without_a_loss_gets_no_plot(folder: Path) -> None:
    draw_loss(PictureFolder(folder), [{"step": 1, "seconds": 2.0}], "")
    assert list(folder.iterdir()) == []


def test_networks_that_stand_side_by_side_lose_their_margins(
    folder: Path, make_run: Callable[..., Path]
) -> None:
    figures = PictureFolder(folder)
    for model in ("ddpm", "dcgan"):
        opened = open_model(str(make_run(model, (1, 28, 28), model=model)), "cpu")
        draw_networks(figures, opened.model.spec)
    widths = {name: pixels(folder.parent / path).shape[1] for name, path in figures.names.items()}
    assert set(widths) == {"network-network", "network-generator", "network-discriminator"}
    assert (
        max(widths["network-generator"], widths["network-discriminator"])
        < widths["network-network"]
    )


def test_a_gan_has_a_grid_but_no_strip(folder: Path, make_run: Callable[..., Path]) -> None:
    root = make_run("gan", (1, 28, 28), model="dcgan")
    figures = PictureFolder(folder)
    assert draw_samples(figures, RunFolder(root), open_model(str(root), "cpu")) is None
    assert set(figures.names) == {"samples"}

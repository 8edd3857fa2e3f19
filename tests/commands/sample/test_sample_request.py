"""The layout of a request: how many images, in which rows, with which labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.cli.main import main
from ddpm.commands.sample.sample_request import SampleRequest
from ddpm.data.image_files import read_image
from ddpm.loading.models import open_model
from ddpm.sampling.provenance import redraw_grid
from ddpm.visuals.grid_mark import read_grid_mark
from ddpm.visuals.grid_reader import read_grid
from ddpm.visuals.layout import GAP, fit_layout

STEPS = ["--steps", "2", "--set", "sampling.chunk=4"]


def request(**fields: object) -> SampleRequest:
    """A request, laid out for the ten classes of the bundled digits."""
    spec = open_model("digits", "cpu").model.spec
    return SampleRequest(**fields).for_labels(spec)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "count", "shape", "columns"),
    [
        ({}, 25, (5, 5), 1),
        ({"label": "3"}, 25, (5, 5), 1),
        ({"label": "0,1,2", "grid": (3, 4)}, 12, (3, 4), 4),
        ({"label": "0,1,2"}, 30, (3, 10), 10),
        ({"label": "all"}, 100, (10, 10), 10),
        ({"label": "all", "n": 20}, 20, (2, 10), 10),
        ({"label": "all", "n": 5000}, 5000, (10, 10), 10),
        ({"label": ",".join(["1"] * 40)}, 80, (40, 2), 2),
        ({"label": ",".join(["1"] * 300)}, 300, (100, 1), 1),
    ],
)
def test_a_row_for_each_label(
    fields: dict[str, object], count: int, shape: tuple[int, int], columns: int
) -> None:
    found = request(**fields)
    assert (found.count, found.shape, found.columns) == (count, shape, columns)


@pytest.mark.parametrize(
    ("grid", "shape"),
    [((20, 20), (5, 20)), ((3, 200), (1, 100)), ((200, 2), (50, 2)), ((3, 4), (3, 4))],
)
def test_a_gif_has_the_rows_of_the_grid(grid: tuple[int, int], shape: tuple[int, int]) -> None:
    assert request(label="all", grid=grid).gif_shape == shape
    assert request(grid=(20, 20)).gif_shape == (10, 10)


def archive(*words: str) -> dict[str, np.ndarray]:
    assert main(["sample", "digits", *STEPS, *words, "--out", "a.npz"]) == 0
    with np.load("a.npz") as stored:
        return dict(stored)


def test_the_images_are_those_of_each_label_alone() -> None:
    """And image i of a list has the bits of seed i with its label."""
    mixed = archive("--label", "7,1,4", "--grid", "3x4")
    assert mixed["labels"].tolist() == [7] * 4 + [1] * 4 + [4] * 4
    assert mixed["seeds"].tolist() == list(range(12))
    for row, label in enumerate("714"):
        alone = archive("--label", label, "-n", "12")
        part = slice(4 * row, 4 * row + 4)
        assert np.array_equal(mixed["images"][part], alone["images"][part])
    settings = json.loads(str(mixed["settings"]))
    assert settings["label"] == "7,1,4" and settings["columns"] == 4
    assert settings["sampling"]["steps"] == 2


def test_the_label_of_an_image_does_not_depend_on_n() -> None:
    many, few = archive("--label", "all", "-n", "34"), archive("--label", "all", "-n", "13")
    assert many["labels"].tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 4
    assert np.array_equal(many["images"][:13], few["images"])


def test_files_of_one_request_agree(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--label", "2,5", "--grid", "2x3", "--png-dir", "pngs", "--out", "a.npz", "--gif"]
    assert main(["sample", "digits", *STEPS, *words]) == 0
    images = np.load("a.npz")["images"]
    for seed in range(6):
        assert np.array_equal(read_image(Path("pngs", f"{seed:06d}.png"), (1, 8, 8)), images[seed])
    with Image.open("a.png") as picture:
        mark = read_grid_mark(picture)
        assert mark is not None and mark.label == "2,5"
        assert np.array_equal(read_grid(picture, mark.layout, 1)[:6], images)
    again = redraw_grid(open_model("digits", "cpu").model, mark)
    assert np.abs(again.astype(int) - images).max() <= 1  # another chunk size rounds otherwise
    with Image.open("a.gif") as animation:
        assert animation.n_frames == 3  # type: ignore[attr-defined]


def test_a_folder_is_continued_with_the_same_labels_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["sample", "digits", *STEPS, "--png-dir", "pngs"]
    assert main([*words, "--label", "2, 5"]) == 0  # twenty images, without --grid
    whole = {path.name: path.read_bytes() for path in Path("pngs").iterdir()}
    assert len(whole) == 20
    for name in ("000003.png", "000017.png"):
        Path("pngs", name).unlink()
    for other in (
        ["--label", "5,2"],
        ["--label", "2,5", "--grid", "4x5"],
        ["--label", "2", "-n", "20"],
    ):
        assert main([*words, *other]) == 2
    assert main([*words, "--label", "2,5"]) == 0
    assert {path.name: path.read_bytes() for path in Path("pngs").iterdir()} == whole


def test_labels_without_a_row_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "digits", *STEPS, "--label", "all", "--grid", "8x2"]) == 0
    said = capsys.readouterr().err
    assert "16 images in rows of 2 leave no row for 8, 9; pass -n 20 or a larger --grid" in said
    assert Path("digits-samples-labels-all-steps-2.png").is_file()


@pytest.mark.parametrize("label", ["0,11", "0,,1", "seven", "0;1"])
def test_an_unknown_label_draws_nothing(label: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sample", "digits", "--label", label, "--png-dir", "pngs"]) == 2
    assert "does not exist; the labels are 0, 1, 2" in capsys.readouterr().err
    assert not list(Path().iterdir())


def test_interpolations_take_turns() -> None:
    words = ["interpolate", "digits", *STEPS, "--between", "1"]
    assert main([*words, "--pairs", "2", "--label", "3,8", "--out", "two.png"]) == 0
    rows = []
    for seed, label in (("0", "3"), ("2", "8")):
        one = [*words, "--pairs", "1", "--label", label, "--seed", seed, "--out", "one.png"]
        assert main(one) == 0
        rows.append(np.asarray(Image.open("one.png")))
    two, height = np.asarray(Image.open("two.png")), fit_layout(2, 3, (8, 8)).corner(3)[0]
    for row, picture in enumerate(rows):
        assert np.array_equal(two[row * height :][: height - GAP], picture[: height - GAP])

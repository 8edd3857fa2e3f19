"""`ddpm sample`: what is drawn depends on the seed alone, and each picture holds what was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.cli.main import main
from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.data.image_files import read_image
from ddpm.errors import RequestError
from ddpm.sampling.samples import sample_images, sample_with_progress
from ddpm.visuals.grid_mark import read_grid_mark

QUICK = ["sampling.steps=3"]


def drawn(**request: object) -> np.ndarray:
    """The images of a request, through the npz that a user would read."""
    out = Path("drawn.npz")
    assert write_samples("digits", QUICK, SampleRequest(out=out, **request)) == [out]  # type: ignore[arg-type]
    with np.load(out) as stored:
        images: np.ndarray = stored["images"]
    return images


def test_image_i_is_the_same_for_any_n() -> None:
    many = drawn(n=30)
    assert many.shape == (30, 1, 8, 8) and many.dtype == np.uint8
    assert np.array_equal(drawn(n=3), many[:3])
    assert len(np.unique(many.reshape(30, -1), axis=0)) == 30


def test_a_seed_draws_the_same_image_wherever_it_stands() -> None:
    # another place in the chunk may round differently, by one grey level at most
    gap = np.abs(drawn(n=3, seed=2)[0].astype(int) - drawn(n=3)[2].astype(int))
    assert gap.max() <= 1


def test_a_label_changes_what_is_drawn() -> None:
    assert not np.array_equal(drawn(n=4, label="1"), drawn(n=4, label="0"))


def test_a_gif_of_the_default_settings_has_at_least_twenty_steps() -> None:
    for overrides, frames in ([], 21), (QUICK, 4):
        write_samples("bundled:mnist", overrides, SampleRequest(n=1, out=Path("way.gif")))
        with Image.open("way.gif") as animation:
            assert animation.n_frames == frames  # type: ignore[attr-defined]


def test_a_gif_changes_nothing_but_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images are those of the model's 10 steps, though their way is shown in 20."""
    passes: list[tuple[int, int]] = []

    def watched(model, seeds, labels, settings, trajectory=None):  # type: ignore[no-untyped-def]
        passes.append((len(seeds), settings.steps))
        return sample_with_progress(model, seeds, labels, settings, trajectory)

    def watched_chunk(model, seeds, labels, settings, **more):  # type: ignore[no-untyped-def]
        passes.append((len(seeds), settings.steps))
        return sample_images(model, seeds, labels, settings, **more)

    monkeypatch.setattr("ddpm.commands.sample.sample.sample_with_progress", watched)
    monkeypatch.setattr("ddpm.commands.sample.chunked_sampling.sample_images", watched_chunk)
    requests = {
        "plain": SampleRequest(n=2, out=Path("plain.npz")),
        "filmed": SampleRequest(n=2, gif=True, panel=True, out=Path("filmed.npz")),
    }
    for asked in requests.values():
        write_samples("bundled:mnist", [], asked)
    assert passes == [(2, 10), (2, 10), (2, 20)]
    with np.load("plain.npz") as plain, np.load("filmed.npz") as filmed:
        assert np.array_equal(plain["images"], filmed["images"])
    with Image.open("filmed.gif") as animation:
        assert animation.n_frames == 21  # type: ignore[attr-defined]
    write_samples("bundled:mnist", QUICK, SampleRequest(n=2, gif=True, out=Path("one.png")))
    write_samples("bundled:mnist", [], SampleRequest(n=130, grid=(1, 3), out=Path("way.gif")))
    assert passes[3:] == [(2, 3), (3, 20)]  # one pass where it has steps enough; no more than shown


@pytest.mark.parametrize(
    ("asked", "shape"),
    [
        ({"n": 30}, (5, 6)),  # two chunks
        ({"n": 130}, (10, 10)),
        ({"n": 130, "grid": (13, 10)}, (10, 10)),  # more than a GIF shows
        ({"n": 30, "grid": (2, 4)}, (2, 4)),
    ],
)
def test_a_gif_shows_the_way_of_every_image_in_the_grid(
    asked: dict[str, Any], shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        "ddpm.commands.sample.sample_pictures.save_denoising_gif",
        lambda path, frames, *shape: shown.append((frames, shape)),
    )
    out = Path("all.npz")
    write_samples("digits", QUICK, SampleRequest(gif=True, out=out, **asked))
    [(frames, laid_out)] = shown
    assert laid_out == shape and len(frames) == 4
    with np.load(out) as stored:
        assert np.array_equal(frames[-1], stored["images"][: shape[0] * shape[1]])


def test_a_grid_asked_for_beside_a_gif_is_the_gifs_own() -> None:
    written = write_samples("digits", QUICK, SampleRequest(n=4, grid=(1, 4), out=Path("way.gif")))
    assert written == [Path("way.gif")] and list(Path().iterdir()) == written


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (SampleRequest(out=Path("file.txt/x.png")), "file.txt is a file"),
        (SampleRequest(out=Path("folder.png")), "folder.png is a folder"),
        (SampleRequest(png_dir=Path("file.txt/pngs")), "file.txt is a file"),
    ],
)
def test_a_place_that_cannot_be_is_said_before_anything_is_drawn(
    request_: SampleRequest, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file.txt").touch()
    Path("folder.png").mkdir()
    monkeypatch.setattr("ddpm.commands.sample.sample.open_model", None)  # to call it would fail
    with pytest.raises(RequestError, match=words):
        write_samples("digits", QUICK, request_)


def test_images_are_read_in_their_own_shape_or_the_asked_one() -> None:
    Image.new("RGB", (6, 4), (255, 0, 0)).save("red.png")
    assert read_image(Path("red.png")).shape == (3, 4, 6)
    assert read_image(Path("red.png"), (1, 4, 4)).shape == (1, 4, 4)
    Path("text.png").write_text("no picture", encoding="utf-8")
    for name, words in (
        ("text.png", r"^text.png is not an image\."),
        ("absent.png", "No such file"),
    ):
        with pytest.raises(RequestError, match=words):
            read_image(Path(name))


@pytest.mark.parametrize(
    ("asked", "seeds", "shape"),
    [
        ({}, 25, (5, 5)),
        ({"grid": (8, 8), "label": "3"}, 64, (8, 8)),
        ({"grid": (1, 7)}, 7, (1, 7)),
        ({"grid": (3, 3), "n": 25}, 25, (3, 3)),
        ({"n": 30}, 30, (5, 6)),
    ],
)
def test_without_n_a_grid_is_filled(
    asked: dict[str, Any], seeds: int, shape: tuple[int, int]
) -> None:
    request = SampleRequest(**asked)
    assert (len(request.seeds), request.shape) == (seeds, shape)


def test_a_grid_without_n_shows_one_image_in_every_cell() -> None:
    assert main(["sample", "digits", "--grid", "4x8", "--label", "3", "--steps", "3"]) == 0
    with Image.open("digits-samples-label-3-steps-3.png") as picture:
        mark = read_grid_mark(picture)
    assert mark is not None and mark.seeds == tuple(range(32))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-n 10 --grid 3x3", "a.png shows the first 9 of 10 images: the grid is 3x3"),
        ("-n 101", "a.png shows the first 100 of 101 images: the grid is 10x10"),
        ("-n 4 --grid 3x3", "a.png has 5 empty cells: 4 images, grid 3x3"),
        ("-n 9 --grid 3x3", ""),
        ("-n 3", ""),
    ],
)
def test_images_that_a_grid_leaves_out_are_said_in_one_line(
    words: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", "digits", "--steps", "1", "--out", "a.png", *words.split()]) == 0
    said = [text for text in capsys.readouterr().err.splitlines() if text.startswith("a.png")]
    assert said == ([line] if line else [])

"""Editing: interpolation, inpainting and refinement keep what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ddpm.api import sample
from ddpm.commands.edit import edit_sheets
from ddpm.commands.edit.edit import write_inpainting, write_interpolation, write_refinement
from ddpm.errors import RequestError
from ddpm.loading.models import open_model

pytestmark = pytest.mark.usefixtures("workplace")
QUICK = ["sampling.steps=3"]


def save(name: str, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(name)
    return Path(name)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The images that the editing verbs put into their picture."""
    seen: list[np.ndarray] = []
    write = edit_sheets.save_grid

    def spy(path: Path, images: np.ndarray, *shape: int, caption: str) -> None:
        seen.append(images)
        write(path, images, *shape, caption=caption)

    monkeypatch.setattr(edit_sheets, "save_grid", spy)
    return seen


def test_interpolation_ends_in_the_seeds_themselves(shown: list[np.ndarray]) -> None:
    path = write_interpolation("digits", QUICK, pairs=2, between=3, label="3")
    assert path == Path("digits-interpolation-label-3-steps-3.png") and path.is_file()
    rows = shown[0].reshape(2, 5, 1, 8, 8)
    model = open_model("digits", "cpu").model
    alone = sample(model, 4, label="3", settings=QUICK).numpy()
    for row, (first, last) in zip(rows, ((0, 1), (2, 3)), strict=True):
        assert np.abs(row[0].astype(int) - alone[first]).max() <= 1
        assert np.abs(row[-1].astype(int) - alone[last]).max() <= 1


def test_inpainting_keeps_what_is_known(shown: list[np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (8, 8))
    mask = np.zeros((8, 8))
    mask[:, :4] = 255
    options = {"image": save("i.png", image), "mask": save("m.png", mask), "n": 3}
    assert write_inpainting("digits", QUICK, **options).name == "digits-i-m-inpainted-steps-3.png"  # type: ignore[arg-type]
    original, _, *variants = shown[0][:, 0]
    assert np.array_equal(original, image)
    for variant in variants:
        assert np.array_equal(variant[:, 4:], image[:, 4:])
        assert not np.array_equal(variant[:, :4], image[:, :4])
    assert len(np.unique(np.stack(variants).reshape(3, -1), axis=0)) == 3
    for color, words in ((0, "all black"), (255, "all white")):
        options["mask"] = save("m.png", np.full((8, 8), color))
        with pytest.raises(RequestError, match=words):
            write_inpainting("digits", QUICK, **options)  # type: ignore[arg-type]


def test_captions_name_what_was_walked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No sampler that was replaced, and no steps that were left out."""
    captions: list[str] = []
    monkeypatch.setattr(edit_sheets, "save_grid", lambda *_, caption: captions.append(caption))
    ancestral = ["sampling.sampler=ancestral", "sampling.steps=4"]
    write_interpolation("digits", ancestral, pairs=1, between=0)
    image = save("i.png", np.zeros((8, 8)))
    write_refinement("digits", ancestral, image=image, strength=0.5, n=1)
    assert "ddim, 4 steps" in captions[0] and "ancestral, 2 steps" in captions[1]
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("ddim, 4 steps") and said[1].startswith("ancestral, 2 steps")


def test_every_answer_has_a_file_of_its_own() -> None:
    image, mask = np.zeros((8, 8)), np.zeros((8, 8))
    mask[:4] = 255
    given: dict[str, Any] = {"image": save("i.png", image), "n": 1}
    masks = [save("a.png", mask), save("b.png", mask.T)]
    written = [
        *(write_inpainting("digits", QUICK, mask=mask, **given) for mask in masks),
        *(write_refinement("digits", QUICK, strength=s, **given) for s in (0.2, 0.4)),
        *(write_refinement("digits", QUICK, strength=0.4, seed=s, **given) for s in (1, 2)),
        write_refinement("digits", QUICK, strength=0.4, label="7", **given),
        write_refinement("digits", ["sampling.steps=4"], strength=0.4, **given),
    ]
    assert len(set(written)) == 8 and all(path.is_file() for path in written)


@pytest.mark.parametrize(
    ("size", "white", "words"),
    [
        (
            (16, 8),
            (slice(6), slice(8)),
            r"^m.png is 16x8, but i.png is 8x16; use the same",
        ),
        (
            (8, 16),
            (slice(8), slice(2)),
            r"^The white part of m.png is cropped away .* 8x8",
        ),
        ((8, 16), (slice(8), slice(2, 16)), r"^The black part of m.png is cropped away"),
        ((8, 16), (slice(8), slice(16)), r"all white \(transparent pixels count as white\)\.$"),
        ((8, 16), (slice(0), slice(0)), r"all black\.$"),
    ],
)
def test_a_mask_that_cannot_be_meant_is_refused(
    size: tuple[int, int], white: tuple[slice, slice], words: str
) -> None:
    mask = np.zeros(size)
    mask[white] = 255
    given = {"image": save("i.png", np.zeros((8, 16))), "mask": save("m.png", mask)}
    with pytest.raises(RequestError, match=words):
        write_inpainting("digits", QUICK, **given)  # type: ignore[arg-type]


def test_a_mask_may_be_larger_than_the_image(shown: list[np.ndarray]) -> None:
    """Of the same aspect up to a pixel: both are cropped alike."""
    mask = np.zeros((31, 63))
    mask[:, 31:] = 255
    given = {"image": save("i.png", np.zeros((8, 16))), "mask": save("m.png", mask), "n": 1}
    write_inpainting("digits", QUICK, **given)  # type: ignore[arg-type]
    holed = shown[0][1, 0]
    assert (holed[:, :4] == 0).all() and (holed[:, 4:] > 100).all()


def test_refining_forgets_the_image_by_its_strength(shown: list[np.ndarray]) -> None:
    image = np.zeros((8, 8))
    image[2:6, 2:6] = 255
    path = save("i.png", image)
    gaps = []
    for strength in (0.0, 1.0):
        write_refinement("digits", QUICK, image=path, strength=strength, n=4)
        gaps.append(np.abs(shown[-1][1:].astype(int) - shown[-1][0]).mean())
    assert gaps[0] < 20 < gaps[1]

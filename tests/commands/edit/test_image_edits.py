"""Image editing as a library: it draws the pixels of the commands, and refuses what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm.commands.edit import edit_sheets
from ddpm.commands.edit.edit import write_inpainting, write_interpolation, write_refinement
from ddpm.commands.edit.image_edits import inpaint, interpolate, refine
from ddpm.errors import RequestError
from ddpm.loading.models import open_model
from ddpm.models.base import GenerativeModel

QUICK = ["sampling.steps=3"]
IMAGE, MASK = np.zeros((1, 8, 8), np.uint8), np.zeros((8, 8))
IMAGE[:, 2:6], MASK[:, :4] = 200, 255


@pytest.fixture(scope="module")
def model() -> GenerativeModel:
    return open_model("digits", "cpu").model


def test_the_library_draws_the_same_pixels(
    model: GenerativeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    monkeypatch.setattr(
        edit_sheets, "save_grid", lambda path, images, *_, **__: shown.append(images)
    )
    for name, pixels in (("i.png", IMAGE[0]), ("m.png", MASK.astype(np.uint8))):
        Image.fromarray(pixels).save(name)
    paths: dict[str, Any] = {"image": Path("i.png"), "n": 2}
    write_interpolation("digits", QUICK, pairs=1, between=2)
    write_inpainting("digits", QUICK, mask=Path("m.png"), **paths)  # type: ignore[arg-type]
    write_refinement("digits", QUICK, strength=0.6, **paths)
    drawn = (
        interpolate(model, (0, 1), 2, settings=QUICK),
        inpaint(model, torch.from_numpy(IMAGE), torch.from_numpy(MASK) > 0, 2, settings=QUICK),
        refine(model, IMAGE, 0.6, 2, settings=QUICK),
    )
    for pictures, images in zip((shown[0], shown[1][2:], shown[2][1:]), drawn, strict=True):
        assert images.dtype == torch.uint8 and np.array_equal(pictures, images.numpy())


def test_pixels_outside_the_mask_are_kept(model: GenerativeModel) -> None:
    for image in inpaint(model, IMAGE, MASK, 2, label="7", settings=QUICK).numpy():
        assert np.array_equal(image[:, :, 4:], IMAGE[:, :, 4:])


@pytest.mark.parametrize(
    ("edited", "words"),
    [
        (lambda model: inpaint(model, IMAGE[:, :4], MASK), r"image has shape \[1, 4, 8\]; pass \[1, 8, 8\]"),
        (lambda model: inpaint(model, IMAGE, MASK[:4]), r"mask has shape \[4, 8\]; pass \[8, 8\]"),
        (lambda model: inpaint(model, IMAGE / 255, MASK), "pass uint8 values from 0 to 255"),
        (lambda model: refine(model, "i.png"), "must be a torch or numpy array"),
        (lambda model: refine(model, IMAGE, 1.5), "The strength is 1.5; pass a number from 0 to 1"),
        (lambda model: interpolate(model, label="ten"), "ten"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(model: GenerativeModel, edited: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        edited(model)


def test_a_gan_edits_nothing(make_run: Any) -> None:
    gan = open_model(str(make_run("gan", (1, 28, 28), model="dcgan")), "cpu").model
    with pytest.raises(RequestError, match="only diffusion models edit images"):
        interpolate(gan)

"""Folders of PNG files: an image of each seed, and nothing of another request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.sample.sample import SampleRequest, write_samples
from ddpm.errors import RequestError
from tests.commands.sample.interruptions import (
    SETTINGS,
    pixels,
)


@pytest.mark.parametrize(
    ("overrides", "request_"),
    [
        (SETTINGS, SampleRequest(n=10, label="3", png_dir=Path("a"))),
        (SETTINGS, SampleRequest(n=10, seed=1, png_dir=Path("a"))),
        (SETTINGS, SampleRequest(n=2, png_dir=Path("a"))),
        (["sampling.steps=3", "sampling.chunk=4"], SampleRequest(n=10, png_dir=Path("a"))),
        (["sampling.steps=2"], SampleRequest(n=10, png_dir=Path("a"))),
    ],
)
def test_a_folder_of_another_request_is_refused(
    overrides: list[str], request_: SampleRequest
) -> None:
    write_samples("digits", SETTINGS, SampleRequest(n=4, png_dir=Path("a")))
    before = pixels("a")
    with pytest.raises(RequestError, match=r"a is not empty, and 00000\d.png is not an image of"):
        write_samples("digits", overrides, request_)
    assert pixels("a") == before


@pytest.mark.parametrize("name", ["000001.png", "notes.txt", "1.png", "000099.png", ".DS_Store"])
def test_a_folder_with_other_files_is_refused(name: str) -> None:
    Path("a").mkdir()
    Image.new("L", (8, 8)).save(f"a/{name}", "PNG")
    with pytest.raises(RequestError, match=f"a is not empty, and {name} is not an image of"):
        write_samples("digits", SETTINGS, SampleRequest(n=4, png_dir=Path("a")))


def test_png_folders_hold_the_images_by_seed_and_nothing_else() -> None:
    request = SampleRequest(n=3, seed=7, out=Path("out.npz"), png_dir=Path("out"))
    write_samples("digits", SETTINGS, request)
    with np.load("out.npz") as stored:
        images = stored["images"]
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["000007.png", "000008.png", "000009.png"]
    for name, image in zip(names, images, strict=True):
        assert np.array_equal(np.asarray(Image.open(Path("out") / name)), image[0])

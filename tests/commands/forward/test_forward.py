"""Forward process: images under growing noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands.forward.forward import write_forward
from ddpm.sampling.forward_process import NOISE_PERCENTS

pytestmark = pytest.mark.usefixtures("workplace")


def save(name: str, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(name)
    return Path(name)


def test_the_forward_process_begins_clean_and_ends_in_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(
        "ddpm.commands.forward.forward.save_strip",
        lambda path, shown, **rest: columns.extend(shown),
    )
    half = np.zeros((16, 16))
    half[:, 8:] = 255
    write_forward(str(save("half.png", half)), "linear", 0, Path("f.png"))
    assert [title for title, _ in columns] == [f"{share} %" for share in NOISE_PERCENTS]
    assert np.array_equal(columns[0][1][0, 0], half)
    image = half.ravel() - half.mean()
    left = [
        abs(np.corrcoef(image, pixels[0, 0].ravel().astype(float))[0, 1]) for _, pixels in columns
    ]
    assert left[0] > 0.99 and left[2] > 0.7 and left[-1] < 0.2
    assert left[:4] == sorted(left[:4], reverse=True)  # past that, noise among noise


def test_a_photo_is_made_smaller_before_it_stands_there_six_times(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write_forward(
        str(save("photo.png", np.zeros((600, 900, 3)))), "linear", 0, Path("f.png")
    )
    with Image.open(path) as picture:
        assert picture.width < 1000
    assert capsys.readouterr().err == "photo.png is 600x900; it is shown at 85x128\n"


def test_forward_takes_a_whole_set() -> None:
    path = write_forward("digits", "cosine", 0, Path("deep/forward.png"))
    with Image.open(path) as picture:
        assert picture.width > 200
